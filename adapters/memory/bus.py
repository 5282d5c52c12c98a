"""The message broker for running in a single process without Kafka."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Final

from application.documents import Event
from application.ports.events import Delivery, MessageEncoder, Placement, PublishReport, Topic
from domain.ids import EventId
from libraries.asyncio_tools.heartbeat import between_rounds

CAPACITY: Final = 1_000
#: The maximum size of all messages waiting for one subscriber, including overhead.
CAPACITY_BYTES: Final = 32 * 1024 * 1024
#: The size of a message without its body: its key, its headers and their tables.
MESSAGE_OVERHEAD_BYTES: Final = 2_048
#: How long a publisher waits for room. Its outbox transaction stays open during this time.
_PUBLISH_SECONDS: Final = 5.0
_FULL: Final = "the in-process bus is full"


class MemorySource:
    """A subscriber's messages from one topic that it has not received yet.

    Both their number and their total size are limited. A message that is larger than the size limit
    can only be added if there are no others.
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._waiting: deque[Delivery] = deque()
        self._waiting_bytes = 0
        self._uncommitted: list[Delivery] = []
        self._changed = asyncio.Condition()

    async def receive(self) -> Sequence[Delivery]:
        """Return uncommitted messages. If there are none, wait for new ones."""
        async with self._changed:
            if not self._uncommitted:
                with between_rounds(idle=True):
                    await self._changed.wait_for(lambda: self._waiting)
                self._uncommitted.extend(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                self._changed.notify_all()
        return tuple(self._uncommitted)

    async def commit(self) -> None:
        """Drop the received messages.

        If messages are lost because the process dies, the requeuer finds their orders.
        """
        self._uncommitted.clear()

    async def lag(self) -> Mapping[int, int]:
        """Return the number of uncommitted messages in the only log."""
        return {0: len(self._waiting) + len(self._uncommitted)}

    async def put(self, delivery: Delivery) -> None:
        """Add a message. Wait until there is enough room for it."""
        size_bytes = len(delivery.value or b"") + MESSAGE_OVERHEAD_BYTES
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(size_bytes))
            self._waiting.append(delivery)
            self._waiting_bytes += size_bytes
            self._changed.notify_all()

    def _has_room(self, size_bytes: int) -> bool:
        if not self._waiting:
            return True
        return (
            len(self._waiting) < self._capacity
            and self._waiting_bytes + size_bytes <= self._capacity_bytes
        )


class MemoryBus:
    """Delivers each event to every subscriber of its topic without storing it.

    A subscriber that falls behind by more than `capacity` messages or `capacity_bytes` slows down
    the publisher.
    """

    def __init__(
        self,
        encoder: MessageEncoder,
        *,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
    ) -> None:
        self._encoder = encoder
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._offsets = count()
        self._sources: dict[Topic, MemorySource] = {}

    def subscribe(self, topic: str, group: str) -> MemorySource:
        """Return the group's source for all messages that are published from now on."""
        source = self._sources[Topic(topic, group)] = MemorySource(
            self._capacity, self._capacity_bytes
        )
        return source

    async def lag(self) -> Mapping[Topic, Mapping[int, int]]:
        """Return the lag of every source."""
        return {topic: await source.lag() for topic, source in self._sources.items()}

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Send events to the subscribers in order.

        If a subscriber is so far behind that there's no room, the events are `unreached`.
        """
        acknowledged: dict[EventId, Placement] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_PUBLISH_SECONDS):
                for event in events:
                    await self._deliver(event)
                    acknowledged[event.id] = Placement(0, next(self._offsets))
        unreached = {e.id: _FULL for e in events if e.id not in acknowledged}
        return PublishReport(acknowledged, unreached=unreached)

    async def _deliver(self, event: Event) -> None:
        delivery = self._encoder.message(event)
        for topic, source in self._sources.items():
            if topic.name == event.topic:
                await source.put(delivery)
