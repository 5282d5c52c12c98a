"""One server of each kind for a whole test run, kept by the process that leads it.

The leader (pytest itself, or the controller of pytest-xdist) starts a server when a test first
needs it and ends it when the run ends. xdist's workers ask the leader over a socket.
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

from tests.servers.found import Place, first_that_has_it, given, places, started, way
from tests.servers.ports import HOST
from tests.servers.server import Kind, Server, Unavailable

#: How long the end of a run waits for a server that is just being started; its watchdog does more.
PATIENCE = 10.0


@dataclass(frozen=True)
class Answer:
    """Where a kind of server is, or why there is none."""

    found: str = ""
    reason: str = ""

    def get(self) -> str:
        """Where it is.

        Raises:
            Unavailable: there is none.
        """
        if self.reason:
            raise Unavailable(self.reason)
        return self.found


class Servers(Protocol):
    """Where a test run gets its servers."""

    def shared(self, kind: Kind) -> Answer:
        """The URL of the server that the whole run shares."""

    def place(self, kind: Kind) -> Answer:
        """The `Place` that a server of a test's own comes from."""


class Leader:
    """Keeps the shared servers and answers the workers. Nothing is started before it is needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[Kind, tuple[Place, Server]] = {}
        self._answers: dict[tuple[str, Kind], Answer] = {}
        self._listener: Listener | None = None
        self._closed = False

    @property
    def missing(self) -> dict[Kind, str]:
        """What was asked for in vain, and why."""
        return {kind: a.reason for (_, kind), a in self._answers.items() if a.reason}

    def shared(self, kind: Kind) -> Answer:
        return self._once("shared", kind, self._share)

    def place(self, kind: Kind) -> Answer:
        return self._once("place", kind, self._choose)

    def _once(self, question: str, kind: Kind, find: Callable[[Kind], str]) -> Answer:
        """A search that failed would fail again, as slowly."""
        with self._lock:
            if self._closed:
                return Answer(reason="the test run has ended")
            if (question, kind) not in self._answers:
                self._answers[question, kind] = _answer(find, kind)
            return self._answers[question, kind]

    def _share(self, kind: Kind) -> str:
        if url := given(kind, os.environ):
            return url
        where = places(os.environ)
        place, server = first_that_has_it(where, lambda place: (place, started(kind, place)))
        self._running[kind] = (place, server)
        return server.url

    def _choose(self, kind: Kind) -> str:
        if kind in self._running:
            return self._running[kind][0]

        def checked(place: Place) -> Place:
            way(place).check(kind)
            return place

        return first_that_has_it(places(os.environ), checked)

    def listen(self) -> tuple[int, bytes]:
        """Answer workers from now on; they need this port and this key."""
        if not self._listener:
            self._key = secrets.token_bytes(32)
            self._listener = Listener((HOST, 0), backlog=64, authkey=self._key)
            self._thread = Thread(target=self._serve, args=(self._listener,), daemon=True)
            self._thread.start()
        return self._listener.address[1], self._key

    def _serve(self, listener: Listener) -> None:
        while self._attend_to_one(listener):
            pass

    def _attend_to_one(self, listener: Listener) -> bool:
        """Answer one caller; False when it was a goodbye."""
        with suppress(OSError, EOFError, AuthenticationError), listener.accept() as caller:
            if not (question := caller.recv()):
                return False
            caller.send(self._say(*question))
        return True

    def _say(self, question: str, kind: Kind) -> Answer | Exception:
        try:
            return self.shared(kind) if question == "shared" else self.place(kind)
        except Exception as error:  # noqa: BLE001 - raised where it was asked, which waits for it
            return error

    def close(self) -> None:
        """End all servers and the answering."""
        idle = self._lock.acquire(timeout=PATIENCE)
        self._closed = True
        for _, server in self._running.values():
            server.close()
        self._running.clear()
        if idle:
            self._lock.release()
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        if self._listener:
            with suppress(OSError, EOFError):
                with Client(self._listener.address, authkey=self._key) as thread:
                    thread.send(None)
                self._thread.join(PATIENCE)
            self._listener.close()


class Follower:
    """A worker's way to the leader."""

    def __init__(self, port: int, key: bytes) -> None:
        self._address = (HOST, port)
        self._key = key

    def shared(self, kind: Kind) -> Answer:
        return self._ask("shared", kind)

    def place(self, kind: Kind) -> Answer:
        return self._ask("place", kind)

    def _ask(self, question: str, kind: Kind) -> Answer:
        with Client(self._address, authkey=self._key) as leader:
            leader.send((question, kind))
            answer: Answer | Exception = leader.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _answer(find: Callable[[Kind], str], kind: Kind) -> Answer:
    try:
        return Answer(found=find(kind))
    except Unavailable as refusal:
        return Answer(reason=str(refusal))
