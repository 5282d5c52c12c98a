"""The table for published events that will be published again."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from adapters.memory.retries import Retries
from application.documents import Event


class ReplaysTable:
    """Replays by order and revision. Only the earliest one per order is eligible."""

    def __init__(self) -> None:
        self._replays: dict[UUID, dict[int, tuple[Event, Retries]]] = {}
        self._held: dict[UUID, Retries] = {}

    def request(self, event: Event, now: datetime) -> None:
        """Add a published event. If its replay is already waiting, it starts over."""
        self._replays.setdefault(event.subject, {})[event.revision] = (event, Retries(now))

    def take(self, size: int, others: Collection[UUID], now: datetime) -> Sequence[Event]:
        """Lock at most `size` replays. Orders in `others` are excluded."""
        taken = tuple(islice(self._due({*self._held, *others}, now), size))
        for event in taken:
            self._held[event.subject] = self._replays[event.subject][event.revision][1]
        return taken

    def release(self, event: Event) -> None:
        """Unlock a replay."""
        del self._held[event.subject]

    def end(self, event: Event) -> None:
        """Remove a published replay, unless it has been requested again in the meantime."""
        replays = self._replays[event.subject]
        if replays[event.revision][1] is self._held[event.subject]:
            del replays[event.revision]
        if not replays:
            del self._replays[event.subject]

    def retries_of(self, event: Event) -> Retries:
        """Return the attempts to publish a locked replay."""
        return self._held[event.subject]

    def replace_each(self, change: Callable[[Event], Event]) -> None:
        """Replace all events."""
        for replays in self._replays.values():
            for revision, (event, retries) in replays.items():
                replays[revision] = (change(event), retries)

    def __iter__(self) -> Iterator[tuple[Event, Retries]]:
        for replays in self._replays.values():
            yield from replays.values()

    def _due(self, held: Collection[UUID], now: datetime) -> Iterator[Event]:
        for subject, replays in self._replays.items():
            event, retries = replays[min(replays)]
            if subject not in held and retries.is_due(now):
                yield event
