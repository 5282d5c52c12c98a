"""Simulated processes of the service, which can be killed, frozen and stopped."""

import asyncio
from asyncio import Handle
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dishka import AsyncContainer

from domain.ids import OrderId
from entrypoints.composition.loops import StartLoops, running
from tests.simulation.loop import current_process

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

#: How long a client waits for a response.
RESPONSE_SECONDS: Final = 20.0


class Killed(BaseException):
    """The process is dead."""


class ConnectionLost(Exception):
    """The process died, or did not respond in time. It may have done its work anyway."""


class SimulatedProcess:
    """One process of a role. It is started once, and ends when it is killed or stopped."""

    def __init__(self, name: str, world: "World", *starts: StartLoops) -> None:
        self.name = name
        self.world = world
        self.is_dead = self.is_frozen = False
        self.parked: list[Handle] = []
        #: The orders that it has handed to the queue since it recorded this.
        self.handed_over: set[OrderId] = set()
        self._starts = starts
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        #: In the order of their requests. A set would have a different order in each run.
        self._responses: dict[asyncio.Future[Any], None] = {}
        self._container: AsyncContainer | None = None
        self._stop = asyncio.Event()

    def __repr__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        """Whether the process accepts requests."""
        return self._container is not None and not self.is_dead and not self._stop.is_set()

    def require_alive(self) -> None:
        """Check that the process has not been killed.

        Raises:
            Killed: it has.
        """
        if self.is_dead:
            raise Killed

    def start(self) -> None:
        """Begin to run."""
        self._create_task(self._main())

    async def _main(self) -> None:
        async with (
            self.world.open_container(self) as container,
            running(container, *self._starts),
        ):
            self._container = container
            await self._stop.wait()
        self.is_dead = True

    def _create_task(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        context = copy_context()
        context.run(current_process.set, self)
        return self.world.loop.create_task(work, context=context)

    def own(self, task: "asyncio.Task[Any]", context: Context) -> None:
        """Receive each new task of this process."""
        self._tasks.append((task, context))
        if len(self._tasks) > 1_000:
            self._tasks = [each for each in self._tasks if not each[0].done()]

    async def respond(
        self,
        use_case: type[Callable[..., Awaitable[T]]],
        *arguments: Any,
        seconds: float = RESPONSE_SECONDS,
    ) -> T:
        """Run a use case in this process for a client, which waits at most for `seconds`.

        Raises:
            ConnectionLost: there is no response.
        """
        container = self._container
        if container is None or not self.is_ready:
            raise ConnectionLost

        async def handle() -> T:
            handler = await container.get(use_case)
            result: T = await handler(*arguments)
            return result

        task = self._create_task(handle())
        response: asyncio.Future[T] = self.world.loop.create_future()
        self._responses[response] = None
        task.add_done_callback(lambda done: self._forward(done, response))
        try:
            async with asyncio.timeout(seconds):
                return await response
        except TimeoutError as error:
            raise ConnectionLost from error
        finally:
            self._responses.pop(response, None)

    def _forward(self, done: "asyncio.Task[T]", response: "asyncio.Future[T]") -> None:
        if response.done():
            return
        error = None if done.cancelled() else done.exception()
        if self.is_dead or done.cancelled():
            response.set_exception(ConnectionLost())
        elif error is not None:
            response.set_exception(error)
        else:
            response.set_result(done.result())

    def kill(self) -> None:
        """End the process, like `kill -9`."""
        if not self.is_dead:
            self.is_dead = True
            self.world.loop.call_soon(self._end, context=Context())

    def _end(self) -> None:
        """Close all tasks, and all connections to clients.

        Closing a task runs the `finally` blocks of in-memory transactions, which release their
        locks, as PostgreSQL does. The ports of a dead process don't do anything.
        """
        for task, context in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(BaseException):
                context.run(task.get_coro().close)
        self.parked.clear()
        for response in self._responses:
            if not response.done():
                response.set_exception(ConnectionLost())

    async def stop(self) -> None:
        """Stop gracefully, like after SIGTERM. Running requests are finished."""
        while self._responses and not self.is_dead:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.1)
        self._stop.set()

    def freeze(self) -> None:
        """Stop running, without the servers noticing."""
        self.is_frozen = True

    def thaw(self) -> None:
        """Run again."""
        self.is_frozen = False
        if not self.is_dead:
            self.world.loop.unpark(self)
