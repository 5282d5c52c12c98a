"""The parts of an adapter that a suite needs beside its port."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from application.ports.events import EventPublisher, EventSource
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache

#: The lifetime of entries in these suites, in seconds: so long that real time has no effect.
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
    """A broker: its publisher, and a function that subscribes to a topic."""

    publisher: EventPublisher
    listen: Callable[[str], Awaitable[EventSource]]
