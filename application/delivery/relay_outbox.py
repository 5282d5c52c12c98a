"""Publish the events in the outbox."""

from typing import Final

from application.delivery.refresh_cache import RefreshCache
from application.delivery.settle_cache_debts import SettleCacheDebts
from application.errors import BrokerUnavailable
from application.ports.events import EventPublisher, Outbox, OutboxBatch, PublishReport
from domain.ids import OrderId

BATCH: Final = 200


class RelayOutbox:
    """Run one round of the relay: settle debts to the cache, then publish a batch of events.

    The cache is updated before the events are marked as published. A stale order remains in the
    cache if a process dies or loses its connection between its commit and its cache write. Once an
    event has been marked, you can rely on the relay having corrected such an order. Events aren't
    delayed if the cache is unavailable. Instead, a debt is stored in the transaction that marks
    them, and the next relay settles it.

    The relay can stop after any round because no state is kept in memory.

    Raises:
        BrokerUnavailable: none of the events in the batch reached the broker.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: EventPublisher,
        update_cache: RefreshCache,
        pay_debts: SettleCacheDebts,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._update_cache = update_cache
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
        first_deliveries = {OrderId(each.subject) for each in batch.events if not each.is_replay}
        not_cached = await self._update_cache(first_deliveries)
        await batch.published(report.acknowledged, not_cached)
        await batch.rejected(report.rejected)
        await batch.postponed(report.unreached)
