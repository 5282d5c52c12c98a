"""The table of published events that are to be published again."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from adapters.memory.retries import Retries
from application.documents import Event


class ReplaysTable:
    """Replays by order and revision; of each order the earliest is eligible, unless it is held."""

    def __init__(self) -> None:
        self._replays: dict[UUID, dict[int, tuple[Event, Retries]]] = {}
        self._held: dict[UUID, Retries] = {}

    def request(self, event: Event, now: datetime) -> None:
        """Add a published event; a replay that waits begins again."""
        self._replays.setdefault(event.subject, {})[event.revision] = (event, Retries(now))

    def take(self, size: int, others: Collection[UUID], now: datetime) -> Sequence[Event]:
        """Hold at most `size` replays, none of an order that is among `others`."""
        taken = tuple(islice(self._due({*self._held, *others}, now), size))
        for event in taken:
            self._held[event.subject] = self._replays[event.subject][event.revision][1]
        return taken

    def release(self, event: Event) -> None:
        """Hold a replay no longer."""
        del self._held[event.subject]

    def end(self, event: Event) -> None:
        """Remove a held replay that was published, unless it was requested again meanwhile."""
        replays = self._replays[event.subject]
        if replays[event.revision][1] is self._held[event.subject]:
            del replays[event.revision]
        if not replays:
            del self._replays[event.subject]

    def retries_of(self, event: Event) -> Retries:
        """Return the attempts of a held replay."""
        return self._held[event.subject]

    def __iter__(self) -> Iterator[tuple[Event, Retries]]:
        for replays in self._replays.values():
            yield from replays.values()

    def _due(self, held: Collection[UUID], now: datetime) -> Iterator[Event]:
        for subject, replays in self._replays.items():
            event, retries = replays[min(replays)]
            if subject not in held and retries.is_due(now):
                yield event
