"""The message broker of a process that has no other."""

import asyncio
from asyncio import Queue
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Final

from application.documents import Event
from application.messages import message_of
from application.ports.events import Delivery, Placement, PublishReport
from domain.ids import EventId

CAPACITY: Final = 1_000
#: Seconds that a publisher waits for room: it holds a transaction of the outbox meanwhile.
_PATIENCE: Final = 5.0
_FULL: Final = "the in-process bus is full"


class MemorySource:
    """What one subscriber of one topic has not received yet."""

    def __init__(self, capacity: int) -> None:
        self._queue: Queue[Delivery] = Queue(capacity)
        self._uncommitted = 0

    async def receive(self) -> Sequence[Delivery]:
        """All messages that are there; waits for the first."""
        deliveries = [await self._queue.get()]
        while not self._queue.empty():
            deliveries.append(self._queue.get_nowait())
        self._uncommitted += len(deliveries)
        return deliveries

    async def commit(self) -> None:
        """Count: a message ends with the process, and the requeuer sees to its order."""
        self._uncommitted = 0

    async def lag(self) -> Mapping[int, int]:
        """How many messages are not committed: there is one partition."""
        return {0: self._queue.qsize() + self._uncommitted}

    async def put(self, delivery: Delivery) -> None:
        """Let a message wait; waits itself while there are too many."""
        await self._queue.put(delivery)


class MemoryBus:
    """Hands each event to all who subscribed to its topic; what nobody wants is dropped.

    A subscriber that falls behind by more than `capacity` messages slows the publisher down.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._offsets = count()
        self._sources: defaultdict[str, list[MemorySource]] = defaultdict(list)

    def subscribe(self, topic: str) -> MemorySource:
        """A source of what is published on the topic from now on."""
        source = MemorySource(self._capacity)
        self._sources[topic].append(source)
        return source

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events to the subscribers, in order.

        Events are `unreached` while a subscriber is so far behind that there is no room.
        """
        acknowledged: dict[EventId, Placement] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for event in events:
                    await self._deliver(event)
                    acknowledged[event.id] = Placement(0, next(self._offsets))
        unreached = {e.id: _FULL for e in events if e.id not in acknowledged}
        return PublishReport(acknowledged, unreached=unreached)

    async def _deliver(self, event: Event) -> None:
        delivery = message_of(event)
        for source in self._sources.get(event.topic, ()):
            await source.put(delivery)
