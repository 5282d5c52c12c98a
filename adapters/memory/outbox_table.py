"""Where events wait for the broker."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Final
from uuid import UUID

from application.documents import Event
from application.ports.events import Placement
from domain.ids import EventId

_LONGEST_WAIT: Final = 60  # seconds


@dataclass(slots=True)
class _Waiting:
    event: Event
    turn: int  # the lower, the sooner
    attempts: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedFact:
    """What stays of an event that was published."""

    event_id: EventId
    subject: UUID
    version: int
    position: int
    placement: Placement
    published_at: datetime


class OutboxTable:
    """A queue of events for each order; the heads of those that nobody holds are eligible.

    So no two events of one order can be held at once, and a later one not before an earlier one.
    """

    def __init__(self) -> None:
        self._queues: dict[UUID, deque[_Waiting]] = {}
        self._eligible: list[tuple[int, UUID]] = []  # a heap
        self._rejected: list[tuple[datetime, UUID]] = []  # a heap: eligible from then on
        self._turns = count()
        self.facts: list[PublishedFact] = []
        #: The first event of each subject, published or not.
        self.first: dict[UUID, Event] = {}

    def add(self, event: Event) -> None:
        """Let an event wait behind the earlier ones of its order."""
        self.first.setdefault(event.subject, event)
        queue = self._queues.setdefault(event.subject, deque())
        queue.append(_Waiting(event, next(self._turns)))
        if len(queue) == 1:
            self.release(event.subject)

    def take(self, size: int, now: datetime) -> Sequence[Event]:
        """Hold at most `size` eligible events, longest waiting first."""
        while self._rejected and self._rejected[0][0] <= now:
            self.release(heappop(self._rejected)[1])
        heap = self._eligible
        orders = [heappop(heap)[1] for _ in range(min(size, len(heap)))]
        return tuple(self._queues[subject][0].event for subject in orders)

    def release(self, subject: UUID) -> None:
        """Make the head of the order's queue eligible (again)."""
        heappush(self._eligible, (self._queues[subject][0].turn, subject))

    def publish(self, event: Event, placement: Placement, now: datetime) -> None:
        """Turn a held event into a fact at the next position; its successor becomes eligible."""
        position = len(self.facts) + 1
        self.facts.append(
            PublishedFact(event.id, event.subject, event.version, position, placement, now)
        )
        queue = self._queues[event.subject]
        queue.popleft()
        if queue:
            self.release(event.subject)
        else:
            del self._queues[event.subject]

    def reject(self, event: Event, reason: str, now: datetime) -> None:
        """Let a held event wait twice as long as the last time before it is eligible again."""
        waiting = self._queues[event.subject][0]
        wait = timedelta(seconds=min(2**waiting.attempts, _LONGEST_WAIT))
        waiting.attempts += 1
        waiting.error = reason
        heappush(self._rejected, (now + wait, event.subject))

    def postpone(self, event: Event, error: str) -> None:
        """Note why a held event stays unpublished."""
        self._queues[event.subject][0].error = error

    def errors(self) -> dict[EventId, str]:
        """What was noted of the events that wait."""
        heads = (queue[0] for queue in self._queues.values())
        return {head.event.id: head.error for head in heads if head.error is not None}
