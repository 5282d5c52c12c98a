"""Calls of ports as calls of servers over a network, with delays, outages and crashes."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import Context
from functools import cache, partial
from typing import Any, Final

from dishka import Provider, Scope, from_context
from dishka.provider import BaseProvider

from application.errors import Unavailable
from application.ports.events import EventPublisher, EventSources, RelayWakeup
from application.ports.mail import Mailer
from application.ports.orders import OrderCache
from application.ports.tasks import Fulfilment, TaskQueue
from tests.faults.walked_ports import decorator_of, io_ports
from tests.simulation.process import Killed, SimulatedProcess

#: The ports of servers other than the storage.
_OTHER_SERVERS: Final = frozenset(
    {EventPublisher, EventSources, RelayWakeup, OrderCache, TaskQueue, Fulfilment, Mailer}
)
#: One call in this number is delayed on its way to the server, or on its way back.
_DELAYED: Final = 4
#: Possible delays, in seconds. The last ones are longer than some of the service's patience.
DELAYS_SECONDS: Final = (0.0, 0.001, 0.005, 0.02, 0.05, 0.1, 0.3, 0.6, 1.0, 2.0)
#: One call in this number kills its process, before or after the server has received it.
_KILLS: Final = 600


class RemotePort:
    """Wraps the methods of a port, and the parts of its transactions."""

    def __init__(
        self,
        port: Any,
        process: SimulatedProcess,
        name: str,
        *,
        is_storage: bool,
        in_transaction: bool = False,
    ) -> None:
        self._port = port
        self._process = process
        self._name = name
        self._is_storage = is_storage
        self._in_transaction = in_transaction

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name in {"orders", "inbox", "effects"}:
            return self._part(value, f"{self._name}.{name}")
        if _is_async(getattr(value, "__func__", value)):
            return lambda *args, **named: self._call(name, value, *args, **named)
        if name in {"begin", "batch"}:
            return lambda *args: self._entered(name, value(*args))
        return self._call_sync(value) if callable(value) else value

    async def __call__(self, *args: Any, **named: Any) -> Any:
        return await self._call("", self._port, *args, **named)

    def _part(self, part: Any, name: str) -> "RemotePort":
        return RemotePort(
            part, self._process, name, is_storage=self._is_storage, in_transaction=True
        )

    @asynccontextmanager
    async def _entered(self, name: str, context: Any) -> AsyncIterator[Any]:
        await self._travel(f"before {name}")
        async with context as inner:
            yield self._part(inner, f"{self._name}.{name}")
            await self._travel(f"before the end of {name}")
        await self._travel(f"after {name}")

    async def _call(self, name: str, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self._stay_alive(f"before {name}")

        async def arrive() -> Any:
            await self._delay()
            self._refuse_during_an_outage()
            return await method(*args, **named)

        if self._in_transaction:
            result = await arrive()
        else:
            # A call that has been sent arrives even if the process dies meanwhile.
            result = await self._process.world.loop.create_task(arrive(), context=Context())
        await self._travel(f"after {name}")
        return result

    async def _travel(self, point: str) -> None:
        self._stay_alive(point)
        await self._delay()
        self._refuse_during_an_outage()

    async def _delay(self) -> None:
        choices = self._process.world.choices
        if choices.happens("delay", _DELAYED):
            await asyncio.sleep(DELAYS_SECONDS[choices.draw("seconds", len(DELAYS_SECONDS))])

    def _refuse_during_an_outage(self) -> None:
        if self._is_storage and self._process.world.is_storage_down:
            raise Unavailable

    def _stay_alive(self, point: str) -> None:
        """Kill the process by chance.

        Raises:
            Killed: the process is dead.
        """
        process = self._process
        process.require_alive()
        if process.world.may_kill and process.world.choices.happens("kill", _KILLS):
            process.world.faults["kill at a call"] += 1
            process.world.note(f"{process} is killed {point} of {self._name}")
            process.kill()
            raise Killed

    def _call_sync(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            return None if self._process.is_dead else method(*args, **named)

        return call


_is_async = cache(inspect.iscoroutinefunction)


class RemotePorts(Provider):
    """Decorates every port that does I/O."""

    scope = Scope.APP

    process = from_context(SimulatedProcess)

    def __init__(self, overrides: Iterable[BaseProvider]) -> None:
        super().__init__()
        for port in io_ports(overrides):
            remote = partial(RemotePort, name=port.__name__, is_storage=port not in _OTHER_SERVERS)
            self.decorate(decorator_of(port, SimulatedProcess, remote))
