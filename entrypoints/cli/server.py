"""uvicorn, adapted to a process that handles signals and opens services itself."""

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
from libraries.http_server.accept_queue import ServerLoop
from libraries.http_server.connection import HttpConnection
from libraries.http_server.limits import raise_file_limit
from libraries.http_server.refusals import App, Refusal

#: How long requests may take to finish after SIGTERM. A shutdown takes 15 s at most, and the roles
#: get the rest of that.
_GRACE_SECONDS: Final = 8
#: Hosts that stand for every address, with their address families.
_EVERY_ADDRESS: Final = {"::": "IPv6 and IPv4", "0.0.0.0": "IPv4"}  # noqa: S104 - shown, not bound
_BACKLOG: Final = 2048
#: How many objects are created before the garbage collector looks for cycles among them. With its
#: default of 700, it traverses the objects of all waiting requests for every few requests.
_NEW_OBJECTS: Final = 10_000
#: Longer than it takes an accepted connection to reach its protocol object.
_ACCEPT_SECONDS: Final = 0.05


class ApiConnection(HttpConnection):
    """Answers refused requests with problems. uvicorn's workers import this class by name."""

    @staticmethod
    def refusal_app(refusal: Refusal, /) -> App:
        """Return an application that responds with the refusal."""
        return cast("App", refusal_app(refusal))


def options(keep_alive_seconds: int) -> dict[str, Any]:
    """Return the uvicorn options for every process that serves HTTP."""
    return {
        "http": ApiConnection,
        "ws": "none",
        "timeout_keep_alive": keep_alive_seconds,
        "loop": f"{ServerLoop.__module__}:{ServerLoop.__qualname__}",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # The application reads these headers itself because of TRUSTED_PROXIES.
        "proxy_headers": False,
        "backlog": _BACKLOG,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
    }


def announce(listener: socket.socket, data_dir: Path | None = None) -> None:
    """Announce that the service is ready, with its URLs and its data folder (if any)."""
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
    """Serves an app on sockets that are already listening. Calls `when_ready` once it is up."""

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
        """Do not capture signals, because the process handles them itself."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving."""
        await super().startup(sockets)
        # Objects created during startup live as long as the process. Freezing them means that
        # the garbage collector does not have to traverse them while every request is waiting.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
        self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, and wait until the open ones have ended.

        This includes connections that the kernel has accepted and uvicorn has not seen yet.
        """
        last = [each for listener in sockets or [] for each in self._close_listener(listener)]
        for known in list(self.server_state.connections):
            known.shutdown()
        loop = asyncio.get_running_loop()
        for connection in last:
            with suppress(OSError):  # the client has already closed it
                await loop.connect_accepted_socket(self._new_protocol, connection)
        # uvicorn registers a new connection a few iterations of the event loop later.
        await asyncio.sleep(_ACCEPT_SECONDS)
        await super().shutdown(sockets)

    def _close_listener(self, listener: socket.socket) -> list[socket.socket]:
        """Close the listener and return the connections still waiting in the kernel's queue.

        Their clients are already connected, and closing the listener would reset them. The event
        loop does not run between the last `accept` and the close.
        """
        last: list[socket.socket] = []
        # An OSError means that the queue is empty, or that the open file limit has been reached.
        with suppress(OSError), listener.dup() as duplicate:
            for server in self.servers:
                server.close()
            listener.close()
            duplicate.settimeout(0)
            while True:
                last.append(duplicate.accept()[0])
        return last

    def _new_protocol(self) -> ApiConnection:
        return ApiConnection(self.config, self.server_state, self.lifespan.state)

    def shut_down(self) -> None:
        """Stop accepting connections, and exit once the open ones have ended."""
        self.should_exit = True


@contextmanager
def listening(host: str, port: int, names: str) -> Iterator[socket.socket]:
    """Bind an address before anything slow happens.

    `names` are the address's settings, for the error message. `::` also serves IPv4, and an IPv6
    address may be in brackets, like in a URL. The open file limit is raised to the hard limit
    because each connection is a file.

    Raises:
        CannotStart: the address is already in use, or not permitted.
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
        # The error's own message repeats the address. A failed lookup has a negative number.
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
    """Serve an app until the block ends."""
    server = ApiServer(app, keep_alive_seconds)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.shut_down()
        await task
