"""Ports that count their calls, and the servers that survive the processes."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

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
        provided = provided_types([*default_providers(load_settings({})), *overrides])
        for port in PORTS & provided:
            self.decorate(_walked(port))


def _walked(port: type[Any]) -> Callable[[Any, Points], Any]:
    def walked(inner: Any, points: Points) -> Any:
        return interruptible(inner, points)

    walked.__annotations__ = {"inner": port, "points": Points, "return": port}
    return walked


def _ports() -> Iterator[type[Any]]:
    """Yield every port that does I/O, that is, every one with an async method."""
    for module in iter_modules(ports.__path__):
        for value in vars(import_module(f"{ports.__name__}.{module.name}")).values():
            if getattr(value, "_is_protocol", False) and _does_io(value):
                yield value


def _does_io(port: type[Any]) -> bool:
    return any(inspect.iscoroutinefunction(getattr(port, name)) for name in dir(port))


PORTS: Final = frozenset(_ports())
