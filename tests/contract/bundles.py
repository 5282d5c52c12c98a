"""Ports with the means that their suites need."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from application.ports.events import EventPublisher, EventSource
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache

#: Seconds that the caches of these suites keep an order, so many that the real time of a test does
#: not matter.
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
