"""Publishing what the outbox holds."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from application.errors import BrokerUnavailable
from application.ports.events import EventPublisher, Outbox
from application.ports.orders import OrderCache, OrderReader
from domain.ids import OrderId

BATCH: Final = 200


class RelayOutbox:
    """Publish one batch of events that wait, and bring the cache up to date before marking them.

    The cache first: a process that died, or was cut off, between its commit and its cache write
    leaves an old order in the cache, and the mark is the promise that somebody has seen to it. A
    cache that is out of reach holds no event back; it is told later (`refresh`).

    Raises:
        BrokerUnavailable: no event of the batch reached the broker.
    """

    def __init__(
        self, outbox: Outbox, publisher: EventPublisher, reader: OrderReader, cache: OrderCache
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._reader = reader
        self._cache = cache
        #: Orders that the cache could not be told of, because it was out of reach.
        self._untold: set[OrderId] = set()

    async def __call__(self) -> int:
        """Publish one batch; how many events were published."""
        async with self._outbox.batch(BATCH) as batch:
            if not batch.events:
                return 0
            report = await self._publisher.publish(batch.events)
            reached = [e for e in batch.events if e.id not in report.unreached]
            await self._tell_cache(OrderId(event.subject) for event in reached)
            await batch.published(report.acknowledged)
            await batch.rejected(report.rejected)
            await batch.postponed(report.unreached)
        if not reached:
            raise BrokerUnavailable(next(iter(report.unreached.values())))
        return len(report.acknowledged)

    async def refresh(self) -> None:
        """Tell the cache of the orders that it could not be told of while it was out of reach."""
        if self._untold:
            await self._tell_cache(islice(self._untold, BATCH))

    async def _tell_cache(self, order_ids: Iterable[OrderId]) -> None:
        orders = await self._reader.find_many([*order_ids])
        for order_id, document in orders.items():
            if await self._cache.put(order_id, document):
                self._untold.discard(order_id)
            else:
                self._untold.add(order_id)
