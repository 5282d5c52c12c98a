"""The in-memory outbox from an operator's point of view."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from uuid import UUID

from adapters.memory.storage import MemoryStorage
from application.ports.outbox_admin import COUNTED_AT_MOST, OutboxState, ReplayRequest
from application.ports.system import Clock
from domain.ids import OrderId


class MemoryOutboxAdmin:
    """`OutboxAdmin` in memory. Payloads are never purged here."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def state(self) -> OutboxState:
        """Return the current state."""
        waiting, replays = [*self._storage.outbox], [*self._storage.replays]
        parked = [event for event, retries in (*waiting, *replays) if retries.is_parked]
        blocked = {event.subject for event, retries in waiting if retries.is_parked}
        errors = (each.error for _, each in (*waiting, *replays))
        return OutboxState(
            unpublished=_bounded(waiting),
            oldest=min(
                (each.at for each, _ in waiting if each.subject not in blocked), default=None
            ),
            last_error=next((error for error in errors if error is not None), None),
            parked=_bounded(parked),
            replays=_bounded(replays),
        )

    async def replay_order(self, order_id: OrderId) -> ReplayRequest:
        """Request a replay of an order's published events and put its parked events back."""
        unparked = self._storage.outbox.unpark(order_id)
        return ReplayRequest(unparked + self._request(subject=order_id))

    async def unpark_all(self) -> ReplayRequest:
        """Put all parked events back as if they were new."""
        waiting = [*self._storage.outbox]
        unparked = sum(self._storage.outbox.unpark(event.subject) for event, _ in waiting)
        parked = [retries for _, retries in self._storage.replays if retries.is_parked]
        for retries in parked:
            retries.begin_again()
        return ReplayRequest(unparked + len(parked))

    async def replay_since(self, since: datetime) -> AsyncIterator[ReplayRequest]:
        """Request a replay of all events first published at or after `since`."""
        yield ReplayRequest(self._request(since=since))

    def _request(self, *, subject: UUID | None = None, since: datetime | None = None) -> int:
        chosen = [
            fact.event
            for fact in self._storage.outbox.facts
            if subject in (None, fact.event.subject) and (not since or fact.published_at >= since)
        ]
        for event in chosen:
            self._storage.replays.request(event, self._clock.now())
        return len(chosen)


def _bounded(found: Collection[object]) -> int:
    return min(len(found), COUNTED_AT_MOST + 1)
