"""A broker with partitions, consumer groups and outages."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from application.delivery.topics import NEW_ORDER
from application.documents import Event
from application.ports.events import Delivery, Placement, PublishReport, Topic
from domain.ids import EventId
from libraries.asyncio_tools.heartbeat import beat
from tests.support.messages import message_of

if TYPE_CHECKING:
    from tests.simulation.process import SimulatedProcess

PARTITIONS: Final = 3
_POLL_SECONDS: Final = 1.0
#: A frozen consumer loses its partitions after this time.
_SESSION_SECONDS: Final = 10.0

Partition = tuple[str, int]


class SimulatedBroker:
    """Stores messages. Partitions can be unavailable, and acknowledgements can get lost."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.logs: defaultdict[Partition, list[Delivery]] = defaultdict(list)
        self.committed: defaultdict[tuple[str, Partition], int] = defaultdict(int)
        self.is_down = False
        self.partitions_down: set[int] = set()
        #: How many acknowledgements arrive before all others get lost, or None if none do.
        self.acknowledges: int | None = None
        self._members: dict[str, dict[SimulatedProcess, float]] = defaultdict(dict)

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        """Store events. An event whose acknowledgement is lost is stored anyway."""
        if self.is_down:
            return PublishReport.of_no_answer(events, "no broker answers")
        acknowledged: dict[EventId, Placement] = {}
        unreached: dict[EventId, str] = {}
        for event in events:
            partition = event.subject.int % PARTITIONS
            if partition in self.partitions_down:
                unreached[event.id] = "no leader"
                continue
            placement = self._append(event, partition)
            if self.acknowledges is not None and len(acknowledged) >= self.acknowledges:
                unreached[event.id] = "no acknowledgement"
            else:
                acknowledged[event.id] = placement
        return PublishReport(acknowledged, unreached=unreached)

    def _append(self, event: Event, partition: int) -> Placement:
        log = self.logs[event.topic, partition]
        placement = Placement(partition, len(log))
        log.append(message_of(event))
        self.events.append(event)
        return placement

    def rewind(self, messages: int) -> None:
        """Deliver the last messages of each partition again, like after a lost commit."""
        for key, offset in self.committed.items():
            self.committed[key] = max(0, offset - messages)

    def lag(self, topic: str, group: str) -> int:
        """Return how many messages of a topic the group has not committed."""
        return sum(
            len(log) - self.committed[group, key]
            for key, log in self.logs.items()
            if key[0] == topic
        )

    def join(self, process: "SimulatedProcess", group: str, now: float) -> Sequence[int]:
        """Keep or make the process a member of the group, and return its partitions."""
        members = self._members[group]
        members[process] = now
        for member, seen_at in list(members.items()):
            if member.is_dead or now - seen_at > _SESSION_SECONDS:
                del members[member]
        at = list(members).index(process)
        return [each for each in range(PARTITIONS) if each % len(members) == at]


class SimulatedSource:
    """The messages that one process receives from a topic."""

    def __init__(self, process: "SimulatedProcess", topic: str, group: str) -> None:
        self._process = process
        self._broker = process.world.broker
        self._topic, self._group = topic, group
        self._received: dict[int, int] = {}

    async def receive(self) -> Sequence[Delivery]:
        """Wait for uncommitted messages."""
        while True:
            self._process.require_alive()
            deliveries = [] if self._broker.is_down else self._read(self._partitions())
            if deliveries:
                return deliveries
            beat()
            await asyncio.sleep(_POLL_SECONDS)

    def _partitions(self) -> Sequence[int]:
        now = self._process.world.loop.time()
        partitions = self._broker.join(self._process, self._group, now)
        return [each for each in partitions if each not in self._broker.partitions_down]

    def _read(self, partitions: Iterable[int]) -> list[Delivery]:
        deliveries = []
        self._received.clear()
        for partition in partitions:
            log = self._broker.logs[self._topic, partition]
            begin = self._broker.committed[self._group, (self._topic, partition)]
            deliveries += log[begin:]
            self._received[partition] = len(log)
        return deliveries

    async def commit(self) -> None:
        """Commit the received messages of the partitions that this process still has."""
        self._process.require_alive()
        if self._broker.is_down:
            return
        for partition in self._partitions():
            if partition in self._received:
                key = self._group, (self._topic, partition)
                begin, end = self._broker.committed[key], self._received[partition]
                if self._topic == NEW_ORDER:
                    self._process.world.check_committed(
                        self._broker.logs[self._topic, partition][begin:end]
                    )
                self._broker.committed[key] = end

    async def lag(self) -> Mapping[int, int]:
        return {}


class SimulatedSources:
    """The broker from the point of view of the consumers in a process."""

    def __init__(self, process: "SimulatedProcess") -> None:
        self._process = process

    def subscribe(self, topic: str, group: str) -> SimulatedSource:
        return SimulatedSource(self._process, topic, group)

    async def lag(self) -> Mapping[Topic, Mapping[int, int]]:
        return {}
