"""The table for events, both waiting and published."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from uuid import UUID

from adapters.memory.retries import Retries
from application.documents import Event
from application.ports.events import Placement


@dataclass(slots=True)
class Waiting:
    """An event that has not been published yet."""

    event: Event
    turn: int  # lower numbers go first
    retries: Retries


@dataclass(frozen=True, slots=True)
class PublishedFact:
    """A published event."""

    event: Event
    position: int
    placement: Placement
    published_at: datetime


class OutboxTable:
    """A queue of events per order. Only the head of a queue is eligible, unless it's locked.

    This means that two events of the same order are never locked at the same time, and an event is
    never locked before an earlier one.
    """

    def __init__(self) -> None:
        self._queues: dict[UUID, deque[Waiting]] = {}
        self._new: list[tuple[int, UUID]] = []  # a heap of the heads that haven't been tried yet
        self._tried: dict[UUID, Waiting] = {}  # the heads that have been tried
        self._turns = count()
        self.facts: list[PublishedFact] = []
        #: The first event for each subject, published or not.
        self.first: dict[UUID, Event] = {}

    def add(self, event: Event) -> None:
        """Add an event to the end of its order's queue."""
        self.first.setdefault(event.subject, event)
        queue = self._queues.setdefault(event.subject, deque())
        queue.append(Waiting(event, next(self._turns), Retries(event.at)))
        if len(queue) == 1:
            self.release(event)

    def take(self, size: int, now: datetime) -> Sequence[Event]:
        """Lock at most `size` eligible events, starting with those that haven't been tried yet."""
        orders = [heappop(self._new)[1] for _ in range(min(size, len(self._new)))]
        taken = [self._queues[subject][0].event for subject in orders]
        due = [head for head in self._tried.values() if head.retries.is_due(now)]
        due.sort(key=lambda head: (head.retries.retry_at, head.turn))
        for head in due[: size - len(taken)]:
            del self._tried[head.event.subject]
            taken.append(head.event)
        return tuple(taken)

    def release(self, event: Event) -> None:
        """Make the head of a queue eligible (again)."""
        head = self._queues[event.subject][0]
        if head.retries.is_new:
            heappush(self._new, (head.turn, event.subject))
        else:
            self._tried[event.subject] = head

    def publish(self, event: Event, placement: Placement, now: datetime) -> None:
        """Turn a locked event into a fact at the next position, and make its successor eligible."""
        self.facts.append(PublishedFact(event, len(self.facts) + 1, placement, now))
        queue = self._queues[event.subject]
        queue.popleft()
        if queue:
            self.release(queue[0].event)
        else:
            del self._queues[event.subject]

    def retries_of(self, event: Event) -> Retries:
        """Return the attempts to publish the head of a queue."""
        return self._queues[event.subject][0].retries

    def unpark(self, subject: UUID) -> int:
        """Put an order's parked event back as if it were new. Return the number of events."""
        head = self._tried.get(subject)
        if head is None or not head.retries.is_parked:
            return 0
        del self._tried[subject]
        head.retries.begin_again()
        self.release(head.event)
        return 1

    def replace_each(self, change: Callable[[Event], Event]) -> None:
        """Replace all events, waiting or published."""
        for queue in self._queues.values():
            for waiting in queue:
                waiting.event = change(waiting.event)
        self.facts = [replace(fact, event=change(fact.event)) for fact in self.facts]
        self.first = {subject: change(event) for subject, event in self.first.items()}

    def __iter__(self) -> Iterator[tuple[Event, Retries]]:
        """Iterate over the waiting events."""
        for queue in self._queues.values():
            for waiting in queue:
                yield waiting.event, waiting.retries
