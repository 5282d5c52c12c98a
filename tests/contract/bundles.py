"""Ports, together with the tools that their suites need."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from application.documents import Event
from application.ports.events import Delivery, EventPublisher, EventSource, Placement
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.ports.stored_records import StoredRecords
from domain.ids import EventId

#: How long the caches in these suites keep an order, in seconds. A large number, because the real
#: time that a test takes must not matter.
TTL: Final = 3_600.0

PassTime = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache that keeps orders for `TTL`, and its clock."""

    orders: OrderCache
    pass_time: PassTime


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter and its clock."""

    limits: RateLimiter
    pass_time: PassTime


@dataclass(frozen=True, slots=True)
class Bus:
    """A broker's publisher, and a function that subscribes to one of its topics."""

    publisher: EventPublisher
    listen: Callable[[str], Awaitable[EventSource]]


class Logs(Protocol):
    """A broker with its stored records. The topic `new_order` exists and has a single log."""

    @property
    def records(self) -> StoredRecords:
        """The port."""

    async def publish(self, events: Sequence[Event]) -> Mapping[EventId, Placement]:
        """Publish events on `new_order`."""

    async def write(self, message: Delivery) -> None:
        """Add another program's message to `new_order`."""

    async def remove_before(self, offset: int) -> None:
        """Remove records from `new_order`, like its retention does."""

    async def empty(self) -> None:
        """Delete `new_order` and create it again."""
