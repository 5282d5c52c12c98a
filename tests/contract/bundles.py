"""What a suite needs of an adapter beside its port."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from application.ports.events import EventPublisher, EventSource
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache

#: How long the caches of these suites keep an order, in seconds: so long that what really passes
#: meanwhile is nothing.
TTL: Final = 3_600.0

PassTime = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache that keeps orders for `TTL`, and its time."""

    orders: OrderCache
    pass_time: PassTime


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter and its time."""

    limits: RateLimiter
    pass_time: PassTime


@dataclass(frozen=True, slots=True)
class Bus:
    """A broker: where events go in, and how to listen to a topic from now on."""

    publisher: EventPublisher
    listen: Callable[[str], Awaitable[EventSource]]
