"""Look up a server in this order:

1. A server given by `TEST_DATABASE_URL`, `TEST_REDIS_URL` or `TEST_KAFKA`. Tests must not stop
   or kill it, so a test that needs its own server skips this step.
2. A container.
3. A program on this machine.

`TEST_SERVERS=containers` or `TEST_SERVERS=local` restricts the lookup to that source.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Final, NoReturn, Protocol, TypeVar, cast

import pytest

from tests.servers.server import Kind, Server, Unavailable

Result = TypeVar("Result")

GIVEN_BY: Final[Mapping[Kind, str]] = {
    Kind.POSTGRES: "TEST_DATABASE_URL",
    Kind.REDIS: "TEST_REDIS_URL",
    Kind.KAFKA: "TEST_KAFKA",
}


class Source(StrEnum):
    """Sources for servers that the tests start themselves."""

    CONTAINERS = "containers"
    LOCAL = "local"


class Launcher(Protocol):
    """A source's module, which checks whether a kind of server is available and launches it."""

    def check(self, kind: Kind) -> None: ...

    def launch(self, kind: Kind) -> Server: ...


def launcher(source: Source) -> Launcher:
    """Import a source's module lazily. testcontainers is slow to import and rarely needed."""
    return cast(Launcher, import_module(f"tests.servers.{source}"))


def given_url(kind: Kind, environment: Mapping[str, str]) -> str | None:
    """Return the URL from the environment, or None."""
    return environment.get(GIVEN_BY[kind]) or None


def allowed_sources(environment: Mapping[str, str]) -> tuple[Source, ...]:
    """Return the allowed sources in order of preference."""
    only = environment.get("TEST_SERVERS")
    if not only:
        return tuple(Source)
    if only not in set(Source):
        raise pytest.UsageError(f"TEST_SERVERS is one of {', '.join(Source)}, not {only}")
    return (Source(only),)


def first_available(sources: Iterable[Source], attempt: Callable[[Source], Result]) -> Result:
    """Return the result of the first successful `attempt`.

    Raises:
        Unavailable: if every source fails. The message contains the reasons.
    """
    reasons = []
    for source in sources:
        try:
            return attempt(source)
        except (Unavailable, OSError) as error:
            reasons.append(f"{source}: {error}")
    raise Unavailable("; ".join(reasons))


def start_server(kind: Kind, source: Source) -> Server:
    """Start this kind of server from this source and wait until it is ready.

    Raises:
        Unavailable: if the source can't provide one.
    """
    module = launcher(source)
    module.check(kind)
    try:
        return _launch_and_start(module, kind)
    except Unavailable:
        return _launch_and_start(module, kind)  # try again, another process may have taken the port


def _launch_and_start(module: Launcher, kind: Kind) -> Server:
    server = module.launch(kind)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def skip_or_fail(kind: Kind, reason: str, environment: Mapping[str, str]) -> NoReturn:
    """Skip the test, or fail it if `CI` is set."""
    message = f"no {kind} to test against: {reason}"
    if environment.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
