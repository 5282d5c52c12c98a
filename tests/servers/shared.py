"""Share one server of each kind during a test run. The leading process owns them.

The leader is pytest itself or pytest-xdist's controller. It starts a server when the first test
needs it and stops it at the end of the run. xdist workers send requests to the leader over a
socket.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from threading import Lock, Thread
from typing import Protocol

from tests.servers.lookup import (
    Source,
    allowed_sources,
    first_available,
    given_url,
    launcher,
    start_server,
)
from tests.servers.ports import HOST
from tests.servers.server import Kind, Server, Unavailable

#: How long to wait, in seconds, for a server that is still starting when the run ends. After that,
#: its watchdog stops it.
CLOSE_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Lookup:
    """A lookup's result, or the reason for its failure."""

    value: str = ""
    reason: str = ""

    def get(self) -> str:
        """Return the result.

        Raises:
            Unavailable: if the lookup failed.
        """
        if self.reason:
            raise Unavailable(self.reason)
        return self.value


class Servers(Protocol):
    """All servers in a test run."""

    def shared(self, kind: Kind) -> Lookup:
        """Return the URL of the server that is shared by the whole run."""

    def source(self, kind: Kind) -> Lookup:
        """Return the `Source` for a server that belongs to a single test."""


class Leader:
    """Start shared servers when they are needed, and serve the workers' lookups."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[Kind, tuple[Source, Server]] = {}
        self._lookups: dict[tuple[str, Kind], Lookup] = {}
        self._listener: Listener | None = None
        self._closed = False

    @property
    def missing(self) -> dict[Kind, str]:
        """The kinds that were looked up but not found, and the reasons."""
        return {kind: a.reason for (_, kind), a in self._lookups.items() if a.reason}

    def shared(self, kind: Kind) -> Lookup:
        return self._once("shared", kind, self._share)

    def source(self, kind: Kind) -> Lookup:
        return self._once("source", kind, self._choose)

    def _once(self, method: str, kind: Kind, find: Callable[[Kind], str]) -> Lookup:
        """Look up only once, because a failed lookup would fail again and be just as slow."""
        with self._lock:
            if self._closed:
                return Lookup(reason="the test run has ended")
            if (method, kind) not in self._lookups:
                self._lookups[method, kind] = _look_up(find, kind)
            return self._lookups[method, kind]

    def _share(self, kind: Kind) -> str:
        if url := given_url(kind, os.environ):
            return url
        sources = allowed_sources(os.environ)
        source, server = first_available(
            sources, lambda source: (source, start_server(kind, source))
        )
        self._running[kind] = (source, server)
        return server.url

    def _choose(self, kind: Kind) -> str:
        if kind in self._running:
            return self._running[kind][0]

        def checked(source: Source) -> Source:
            launcher(source).check(kind)
            return source

        return first_available(allowed_sources(os.environ), checked)

    def listen(self) -> tuple[int, bytes]:
        """Start serving workers. Return the port and the connection key."""
        if not self._listener:
            self._key = secrets.token_bytes(32)
            self._listener = Listener((HOST, 0), backlog=64, authkey=self._key)
            self._thread = Thread(target=self._serve, args=(self._listener,), daemon=True)
            self._thread.start()
        return self._listener.address[1], self._key

    def _serve(self, listener: Listener) -> None:
        while self._serve_one(listener):
            pass

    def _serve_one(self, listener: Listener) -> bool:
        """Serve one request. Return False if it was a stop request."""
        with suppress(OSError, EOFError, AuthenticationError), listener.accept() as worker:
            if not (method := worker.recv()):
                return False
            worker.send(self._reply(*method))
        return True

    def _reply(self, method: str, kind: Kind) -> Lookup | Exception:
        try:
            return self.shared(kind) if method == "shared" else self.source(kind)
        except Exception as error:  # noqa: BLE001 - re-raised in the worker
            return error

    def close(self) -> None:
        """Stop all servers and then the listener."""
        idle = self._lock.acquire(timeout=CLOSE_TIMEOUT_SECONDS)
        self._closed = True
        for _, server in self._running.values():
            server.close()
        self._running.clear()
        if idle:
            self._lock.release()
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listener:
            with suppress(OSError, EOFError):
                with Client(self._listener.address, authkey=self._key) as thread:
                    thread.send(None)
                self._thread.join(CLOSE_TIMEOUT_SECONDS)
            self._listener.close()


class Follower:
    """A worker's connection to the leader."""

    def __init__(self, port: int, key: bytes) -> None:
        self._address = (HOST, port)
        self._key = key

    def shared(self, kind: Kind) -> Lookup:
        return self._request("shared", kind)

    def source(self, kind: Kind) -> Lookup:
        return self._request("source", kind)

    def _request(self, method: str, kind: Kind) -> Lookup:
        with Client(self._address, authkey=self._key) as leader:
            leader.send((method, kind))
            lookup: Lookup | Exception = leader.recv()
        if isinstance(lookup, Exception):
            raise lookup
        return lookup


def _look_up(find: Callable[[Kind], str], kind: Kind) -> Lookup:
    try:
        return Lookup(value=find(kind))
    except Unavailable as error:
        return Lookup(reason=str(error))
