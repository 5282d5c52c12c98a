"""Explain why a server cannot be used and how to fix that, for the readiness report."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from entrypoints.observability.readiness import Check

#: Remedies for Redis errors, by a word in the error message.
_OF_REDIS: Final[Mapping[str, str]] = {
    "OOM": "Redis is full and refuses writes: raise maxmemory, with maxmemory-policy volatile-ttl",
    "MISCONF": "Redis refuses writes since it could not save a snapshot: see its log and its disk",
    "READONLY": "it is a replica, which takes no writes: name the primary",
    "replica": "it is a replica, which takes no writes: name the primary",
    "NOREPLICAS": "Redis has too few replicas to take writes (min-replicas-to-write)",
    "NOPERM": "its user lacks a right: see the list in docs/operations.md",
    "no permissions": "its user lacks a right: see the list in docs/operations.md",
    "WRONGPASS": "it refuses the user or the password",
    "NOAUTH": "it wants a password",
    "WRONGTYPE": "a key of another program stands under our names: set REDIS_PREFIX, or delete it",
    "LOADING": "Redis loads its data: wait",
}
_WORD: Final = re.compile(rf"\b({'|'.join(_OF_REDIS)})\b")


class Unready(Exception):
    """A dependency cannot be used. The message contains the reason and the remedy."""


def with_remedy_of_redis(check: Check) -> Check:
    """Return a check that adds the setting and a remedy to the failures of `check`."""

    def reason(error: Exception) -> str:
        known = _WORD.search(str(error))
        remedy = f"{_OF_REDIS[known[1]]}. Redis says: " if known else ""
        return f"REDIS_URL: {remedy}{error}"

    return _explained(check, reason)


def naming(setting: str, check: Check) -> Check:
    """Return a check that reports the setting and the root cause if `check` fails."""
    return _explained(check, lambda error: f"{setting}: {_root_of(error)}")


def _explained(check: Check, reason: Callable[[Exception], str]) -> Check:
    async def explained() -> None:
        await _checked(check(), reason)

    return explained


async def _checked(checking: Awaitable[object], reason: Callable[[Exception], str]) -> None:
    try:
        await checking
    except Exception as error:
        raise Unready(reason(error)) from error


def _root_of(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or ("no answer" if isinstance(error, TimeoutError) else type(error).__name__)
