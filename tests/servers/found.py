"""Where a server is looked for, in which order, and what follows when there is none.

1. A server given by `TEST_DATABASE_URL`, `TEST_REDIS_URL` or `TEST_KAFKA`. It is not ours to kill:
   a test that wants a server of its own goes on to the next.
2. A container. 3. A program on this machine. `TEST_SERVERS=containers` or `local` allows one only.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Final, NoReturn, Protocol, TypeVar, cast

import pytest

from tests.servers.server import Kind, Server, Unavailable

Found = TypeVar("Found")

GIVEN_BY: Final[Mapping[Kind, str]] = {
    Kind.POSTGRES: "TEST_DATABASE_URL",
    Kind.REDIS: "TEST_REDIS_URL",
    Kind.KAFKA: "TEST_KAFKA",
}


class Place(StrEnum):
    """Where a server of our own may come from."""

    CONTAINERS = "containers"
    LOCAL = "local"


class Way(Protocol):
    """How a place is asked whether it has a kind of server, and for one."""

    def check(self, kind: Kind) -> None: ...

    def launch(self, kind: Kind) -> Server: ...


def way(place: Place) -> Way:
    """The module with the place's name; testcontainers is slow to import, and seldom needed."""
    return cast(Way, import_module(f"tests.servers.{place}"))


def given(kind: Kind, environment: Mapping[str, str]) -> str | None:
    """The server that the caller brought."""
    return environment.get(GIVEN_BY[kind]) or None


def places(environment: Mapping[str, str]) -> tuple[Place, ...]:
    """Where to look, the first choice first."""
    only = environment.get("TEST_SERVERS")
    if not only:
        return tuple(Place)
    if only not in set(Place):
        raise pytest.UsageError(f"TEST_SERVERS is one of {', '.join(Place)}, not {only}")
    return (Place(only),)


def first_that_has_it(where: Iterable[Place], ask: Callable[[Place], Found]) -> Found:
    """What the first place answers that does not refuse.

    Raises:
        Unavailable: they all refuse, for the reasons given.
    """
    reasons = []
    for place in where:
        try:
            return ask(place)
        except (Unavailable, OSError) as refusal:
            reasons.append(f"{place}: {refusal}")
    raise Unavailable("; ".join(reasons))


def started(kind: Kind, place: Place) -> Server:
    """A server of this kind from this place, serving.

    Raises:
        Unavailable: it cannot be had there.
    """
    there = way(place)
    there.check(kind)
    try:
        return _launched(there, kind)
    except Unavailable:
        return _launched(there, kind)  # somebody may have taken its port before it did


def _launched(there: Way, kind: Kind) -> Server:
    server = there.launch(kind)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def do_without(kind: Kind, reason: str, environment: Mapping[str, str]) -> NoReturn:
    """Skip, as on a stranger's machine; where CI is set, a missing server is a failure."""
    message = f"no {kind} to test against: {reason}"
    if environment.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
