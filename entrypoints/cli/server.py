"""uvicorn, in a process whose signals and whose services are not its own."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import uvicorn
from litestar.types import ASGIApp

from entrypoints.cli.http_protocol import OrderlyProtocol
from entrypoints.composition.errors import CannotStart
from entrypoints.logs import announce_ready

#: Seconds that requests get to end after SIGTERM; the roles behind them get the rest of the 15.
_GRACE: Final = 8
_BACKLOG: Final = 2048
#: Seconds in which a connection that was accepted has become one.
_SOON: Final = 0.05


def options() -> dict[str, Any]:
    """What uvicorn is told wherever it serves."""
    return {
        "http": OrderlyProtocol,
        "loop": "uvloop",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # Whose word on the client's address counts is TRUSTED_PROXIES' to say.
        "proxy_headers": False,
        "backlog": _BACKLOG,
        "timeout_graceful_shutdown": _GRACE,
    }


def announce(host: str, port: int) -> None:
    """Write that the service is ready, and its URLs."""
    url = f"http://{_shown(host)}:{port}"
    announce_ready("The order service is ready.", API=url, Docs=f"{url}/docs")


def _shown(host: str) -> str:
    if host in {"127.0.0.1", "0.0.0.0", "::1", "::"}:  # noqa: S104 - shown, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


class Server(uvicorn.Server):
    """Serves an app on sockets that are listening already; `when_ready` is called once it does."""

    def __init__(self, app: ASGIApp, when_ready: Callable[[], None] = lambda: None) -> None:
        self._when_ready = when_ready
        super().__init__(uvicorn.Config(app, **options()))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        # What was made on the way up lives as long as the process: the collector need not look at
        # all of it again and again, with every request waiting meanwhile.
        gc.collect()
        gc.freeze()
        self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take in whom the kernel has let in already, then nobody; return when all have ended."""
        last = [each for listener in sockets or [] for each in self._close_the_door(listener)]
        for known in list(self.server_state.connections):
            known.shutdown()
        loop = asyncio.get_running_loop()
        for connection in last:
            with suppress(OSError):  # whoever has gone away again
                await loop.connect_accepted_socket(self._new_protocol, connection)
        # Whoever was let in a moment ago is known only some turns of the event loop later.
        await asyncio.sleep(_SOON)
        await super().shutdown(sockets)

    def _close_the_door(self, listener: socket.socket) -> list[socket.socket]:
        # Whoever waits in the kernel's queue takes themselves for connected, and would be thrown
        # out of it with the listener. There is no event loop's turn between the last and its end.
        last: list[socket.socket] = []
        with suppress(OSError):  # none is left, or this process may open no more
            door = listener.dup()
            with door:
                for server in self.servers:
                    server.close()
                listener.close()
                door.settimeout(0)
                while True:
                    last.append(door.accept()[0])
        return last

    def _new_protocol(self) -> OrderlyProtocol:
        return OrderlyProtocol(self.config, self.server_state, self.lifespan.state)

    def come_down(self) -> None:
        """Stop taking connections, and end when those that there are have ended."""
        self.should_exit = True


@contextmanager
def listening(host: str, port: int, names: str) -> Iterator[socket.socket]:
    """An address, taken before anything slow begins; `names` are the settings that give it.

    Raises:
        CannotStart: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        # The error's own words repeat the address; a failed look-up has a number below 0.
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else error
        raise CannotStart(f"Cannot listen on {host}:{port} ({names}): {reason}.") from error
    with listener:
        yield listener


@asynccontextmanager
async def serving_beside(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an app beside the block."""
    server = Server(app)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.come_down()
        await task
