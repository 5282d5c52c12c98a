"""Publish the events in the outbox."""

from collections.abc import Mapping, Sequence
from typing import Final

from application.delivery.settle_cache_debts import SettleCacheDebts
from application.documents import Event
from application.errors import BrokerUnavailable
from application.ports.events import EventPublisher, Outbox, OutboxBatch, PublishReport
from application.ports.orders import OrderCache
from domain.ids import OrderId

BATCH: Final = 200


class RelayOutbox:
    """Run one round of the relay: settle debts to the cache, then publish a batch of events.

    Stale orders are dropped from the cache before the events are marked as published. A stale order
    remains in the cache if a process dies or loses its connection between its commit and its cache
    write. Once an event has been marked, the cache doesn't have an older revision of its order.
    Events aren't delayed if the cache is unavailable. Instead, a debt is stored in the transaction
    that marks them, and the next relay settles it.

    The relay can stop after any round because no state is kept in memory.

    Raises:
        BrokerUnavailable: none of the events in the batch reached the broker.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: EventPublisher,
        cache: OrderCache,
        pay_debts: SettleCacheDebts,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._cache = cache
        self._pay_debts = pay_debts

    async def __call__(self) -> int:
        """Return the number of settled debts and published events, or 0 if there was no work."""
        paid = await self._pay_debts()
        async with self._outbox.batch(BATCH) as batch:
            if not batch.events:
                return paid
            report = await self._publisher.publish(batch.events)
            is_away = len(report.unreached) == len(batch.events)
            if is_away:
                # All events in a full batch may belong to one unreachable log, so they have to
                # pause and let others go first. In a smaller batch they're retried immediately.
                await batch.postponed(report.unreached, pause=len(batch.events) == BATCH)
            else:
                await self._mark(batch, report)
        if is_away:
            raise BrokerUnavailable(next(iter(report.unreached.values())))
        return paid + len(report.acknowledged)

    async def has_work(self) -> bool:
        """Return whether there may be work for a relay that was not woken."""
        return await self._outbox.has_work()

    async def _mark(self, batch: OutboxBatch, report: PublishReport) -> None:
        not_cached = await self._cache.drop_older(_new_revisions(batch.events))
        await batch.published(report.acknowledged, not_cached)
        await batch.rejected(report.rejected)
        await batch.postponed(report.unreached)


def _new_revisions(events: Sequence[Event]) -> Mapping[OrderId, int]:
    """Return the revisions of which the cache may have an older one.

    Nothing is older than an order's first revision. If the event is a replay, the cache was
    corrected by its first delivery. A copy of a message isn't about its subject's revision.
    """
    return {
        OrderId(each.subject): each.revision
        for each in events
        if each.revision > 1 and not each.is_replay and each.original is None
    }
