"""Ports that count their calls, and the servers that survive the processes."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, TypeVar

from dishka import Provider, Scope, from_context, provide
from dishka.provider import BaseProvider

from application import ports
from application.ports.events import EventPublisher
from application.ports.orders import OrderCache
from application.ports.system import Clock
from application.ports.tasks import Fulfilment, TaskQueue
from entrypoints.composition.container import default_providers
from entrypoints.composition.overrides import provided_types
from entrypoints.settings import load_settings
from tests.model.interruptions import Points, interruptible
from tests.model.surroundings import Queue, SharedCache, Shop, Topic
from tests.support.time import MovableClock

T = TypeVar("T")


class Servers:
    """The broker, the queue, the cache and the shop, which survive the service's processes."""

    def __init__(self) -> None:
        # PostgreSQL compares some of the service's times with its own clock.
        self.clock = MovableClock(datetime.now(UTC))
        self.topic, self.queue, self.shop = Topic(), Queue(), Shop()
        self.cache = SharedCache(self.clock)


class ServersProvider(Provider):
    """The ports of the servers."""

    scope = Scope.APP

    servers = from_context(Servers)

    @provide
    def publisher(self, servers: Servers) -> EventPublisher:
        return servers.topic

    @provide
    def queue(self, servers: Servers) -> TaskQueue:
        return servers.queue

    @provide
    def cache(self, servers: Servers) -> OrderCache:
        return servers.cache

    @provide
    def fulfilment(self, servers: Servers) -> Fulfilment:
        return servers.shop

    @provide
    def clock(self, servers: Servers) -> Clock:
        return servers.clock


class WalkedPorts(Provider):
    """Decorates every port that does I/O with points around its calls."""

    scope = Scope.APP

    points = from_context(Points)

    def __init__(self, overrides: Iterable[BaseProvider]) -> None:
        super().__init__()
        for port in io_ports(overrides):
            self.decorate(decorator_of(port, Points, interruptible))


def io_ports(overrides: Iterable[BaseProvider]) -> Sequence[type[Any]]:
    """Return all ports that do I/O and are provided by default or by `overrides`, by name."""
    provided = provided_types([*default_providers(load_settings({})), *overrides])
    return sorted(_PORTS & provided, key=lambda port: port.__name__)


def decorator_of(
    port: type[Any], context: type[T], wrap: Callable[[Any, T], Any]
) -> Callable[[Any, T], Any]:
    """Return `wrap` with the annotations by which dishka decorates this port."""

    def decorator(inner: Any, value: T) -> Any:
        return wrap(inner, value)

    decorator.__annotations__ = {"inner": port, "value": context, "return": port}
    return decorator


def _ports() -> Iterator[type[Any]]:
    """Yield every port that does I/O, that is, every one with an async method."""
    for module in iter_modules(ports.__path__):
        for value in vars(import_module(f"{ports.__name__}.{module.name}")).values():
            if getattr(value, "_is_protocol", False) and _does_io(value):
                yield value


def _does_io(port: type[Any]) -> bool:
    return any(inspect.iscoroutinefunction(getattr(port, name)) for name in dir(port))


_PORTS: Final = frozenset(_ports())
