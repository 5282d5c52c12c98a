"""uvicorn, in a process whose signals and whose services are not its own."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from litestar.types import ASGIApp

from entrypoints.composition.errors import CannotStart
from entrypoints.http.problems.responses import refusal_app
from entrypoints.observability.logs import announce_ready
from libraries.http_server.connection import HttpConnection
from libraries.http_server.limits import raise_file_limit
from libraries.http_server.refusals import App, Refusal

#: Seconds that requests get to end after SIGTERM; the roles behind them get the rest of the 15.
_GRACE: Final = 8
#: Hosts that stand for every address, and the families of these.
_EVERY_ADDRESS: Final = {"::": "IPv6 and IPv4", "0.0.0.0": "IPv4"}  # noqa: S104 - shown, not bound
_BACKLOG: Final = 2048
#: Seconds in which a connection that was accepted has become one.
_SOON: Final = 0.05


class ApiConnection(HttpConnection):
    """A connection whose refusals are problems; uvicorn's worker processes import it by name."""

    @staticmethod
    def refusal_app(refusal: Refusal, /) -> App:
        """Return the application that renders a refusal."""
        return cast("App", refusal_app(refusal))


def options(keep_alive_seconds: int) -> dict[str, Any]:
    """Return the options of uvicorn in every process that serves."""
    return {
        "http": ApiConnection,
        "ws": "none",
        "timeout_keep_alive": keep_alive_seconds,
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


def announce(listener: socket.socket, data_dir: Path | None = None) -> None:
    """Write that the service is ready, its URLs, the address if it is every one, and its folder."""
    host, port = listener.getsockname()[:2]
    url = f"http://{_shown(host)}:{port}"
    places = {"API": url, "Docs": f"{url}/docs"}
    if host in _EVERY_ADDRESS:
        places["Listening"] = f"on every address ({_EVERY_ADDRESS[host]}), port {port}"
    if data_dir:
        places["Data"] = str(data_dir)
    announce_ready("The order service is ready.", **places)


def _shown(host: str) -> str:
    if host in {"127.0.0.1", "0.0.0.0", "::1", "::"}:  # noqa: S104 - shown, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


class ApiServer(uvicorn.Server):
    """Serves an app on sockets that are listening already; `when_ready` is called once it does."""

    def __init__(
        self,
        app: ASGIApp,
        keep_alive_seconds: int,
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._when_ready = when_ready
        super().__init__(uvicorn.Config(app, **options(keep_alive_seconds)))

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

    def _new_protocol(self) -> ApiConnection:
        return ApiConnection(self.config, self.server_state, self.lifespan.state)

    def shut_down(self) -> None:
        """Stop taking connections, and end when those that there are have ended."""
        self.should_exit = True


@contextmanager
def listening(host: str, port: int, names: str) -> Iterator[socket.socket]:
    """Bind an address before anything slow begins; `names` are the settings that give it.

    `::` serves IPv4 too. An IPv6 address may stand in brackets, as in a URL. The process may open
    as many files from here on as its hard limit allows: each connection is one.

    Raises:
        CannotStart: it is taken, or not ours to take.
    """
    raise_file_limit()
    host = _without_brackets(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except (OSError, UnicodeError) as error:
        # The error's own words repeat the address; a failed look-up has a number below 0.
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else error
        shown = f"[{host}]" if ":" in host else host
        raise CannotStart(f"Cannot listen on {shown}:{port} ({names}): {reason}.") from error
    with listener:
        yield listener


def _without_brackets(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


@asynccontextmanager
async def serving_beside(
    app: ASGIApp, listener: socket.socket, keep_alive_seconds: int
) -> AsyncIterator[None]:
    """Serve an app beside the block."""
    server = ApiServer(app, keep_alive_seconds)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.shut_down()
        await task
