"""Audit the in-memory storage."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from adapters.memory.orders_table import StoredOrder
from adapters.memory.outbox_table import PublishedFact
from adapters.memory.storage import MemoryStorage
from application.delivery.topics import PROCESSING
from application.ports.audit import AuditProgress, AuditReport, Fact
from domain.ids import OrderId


class MemoryAuditReader:
    """An in-memory `AuditReader`. It sees a snapshot because nothing else runs during an audit."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def audit(
        self,
        now: datetime,
        stuck_after: timedelta,
        *,
        broker_reachable: bool,
        progress: AuditProgress,
    ) -> AuditReport:
        """Check everything in a single snapshot."""
        storage, report = self._storage, AuditReport()
        published, waiting = self._revisions()
        effects = Counter(effect.order_id for effect in storage.effects)
        for stored in storage.orders.newest_first(None, None, None):
            order = stored.record
            report.orders += 1
            report.published += 1 in published[order.id]
            report.processed += order.processed_at is not None
            facts = published[order.id] + waiting[order.id]
            is_recorded = storage.inbox.has_recorded((PROCESSING, order.id))
            effect_count = effects.pop(order.id, 0)
            if reasons := [*_contradictions(stored, facts, effect_count, is_recorded=is_recorded)]:
                report.lost.add(order.id, *reasons)
            if order.processed_at is None:
                is_old = order.created_at <= now - stuck_after
                waits_for_broker = not broker_reachable and 1 in waiting[order.id]
                is_dead = storage.dead_letters.holds(order.id)
                if is_dead or (is_old and not waits_for_broker):
                    report.stuck.add(order.id)
                else:
                    report.pending += 1
            progress(report.orders, report.orders)
        self._add_effects(report, effects)
        for dead_letter_id, events in storage.dead_letters.event_counts.items():
            copies = published[dead_letter_id] + waiting[dead_letter_id]
            if sorted(copies) != list(range(1, events + 1)):
                report.lost.add(OrderId(dead_letter_id), "dead-letter-without-copy")
        self._add_waiting(report)
        return report

    async def last_position(self) -> int:
        """Return the highest position, or 0 if there are none."""
        return max((fact.position for fact in self._storage.outbox.facts), default=0)

    async def facts(self, after: int, up_to: int, limit: int) -> Sequence[Fact]:
        """Return facts by position."""
        facts = sorted(self._storage.outbox.facts, key=lambda fact: fact.position)
        return [_fact(fact) for fact in facts if after < fact.position <= up_to][:limit]

    def _revisions(self) -> tuple[defaultdict[UUID, list[int]], defaultdict[UUID, list[int]]]:
        """Return the revisions of all published events and of all waiting events, by subject."""
        published: defaultdict[UUID, list[int]] = defaultdict(list)
        waiting: defaultdict[UUID, list[int]] = defaultdict(list)
        for fact in self._storage.outbox.facts:
            published[fact.event.subject].append(fact.event.revision)
        for event, _ in self._storage.outbox:
            waiting[event.subject].append(event.revision)
        return published, waiting

    def _add_effects(self, report: AuditReport, without_order: Counter[OrderId]) -> None:
        for order_id in without_order:
            report.lost.add(order_id, "effect-without-order")
        counts = Counter(effect.order_id for effect in self._storage.effects)
        for order_id in sorted(each for each, count in counts.items() if count > 1):
            report.duplicated.add(order_id)

    def _add_waiting(self, report: AuditReport) -> None:
        waiting = [event.at for event, _ in self._storage.outbox]
        report.add_unpublished(len(waiting), min(waiting, default=None))


def _fact(fact: PublishedFact) -> Fact:
    event, original = fact.event, fact.event.original
    return Fact(
        id=event.id,
        subject=event.subject,
        version=event.version,
        topic=event.topic,
        position=fact.position,
        placement=fact.placement,
        key=original.key if original else str(event.subject).encode(),
        is_copy=original is not None,
    )


def _contradictions(
    stored: StoredOrder,
    revisions: list[int],
    effects: int,
    *,
    is_recorded: bool,
) -> Iterator[str]:
    """Yield the reasons why an order is lost, using the same codes as the PostgreSQL audit."""
    order = stored.record
    if sorted(revisions) != list(range(1, order.revision + 1)):
        yield "facts-differ-from-revision"
    if [step.version for step in stored.steps] != list(range(1, order.version + 1)):
        yield "history-differs-from-version"
    elif stored.steps[-1].after is not order.status:
        yield "history-differs-from-status"
    if any(later.before is not earlier.after for earlier, later in pairwise(stored.steps)):
        yield "history-contradicts-lifecycle"
    if order.processed_at is not None:
        if not effects:
            yield "effect-missing"
        if not is_recorded:
            yield "inbox-row-missing"
    else:
        if effects:
            yield "effect-of-unprocessed-order"
        if is_recorded:
            yield "inbox-row-of-unprocessed-order"
