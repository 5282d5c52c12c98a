"""Ports, together with the tools that their suites need."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from application.ports.events import EventPublisher, EventSource
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache

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
