"""The process's readiness."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

#: A dependency that does not respond within this time is considered down.
_CHECK_SECONDS: Final = 1.0
#: How long callers share a report. Several load balancers then cause only one check per second.
_SHARED_SECONDS: Final = 1.0
_MAX_REASON_CHARACTERS: Final = 300
#: The user and password in a URL.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")

#: Raises an error if its dependency can't be used. The message has the reason and the remedy.
Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """The state of the process (ok, degraded, down) and of each dependency (ok, down).

    `reasons` explains each dependency that is down, without secrets.
    """

    status: str
    checks: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)


class Readiness:
    """Checks all dependencies. The process is down if a required one is, and otherwise degraded."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
        self._required = required
        self._checks = {**required, **optional}
        self._begun = 0.0
        self._report: asyncio.Task[Report] | None = None

    async def __call__(self) -> Report:
        """Check all dependencies concurrently, or share another caller's report."""
        now = time.monotonic()
        if self._report is None or (self._report.done() and now - self._begun >= _SHARED_SECONDS):
            self._begun = now
            self._report = asyncio.create_task(self._check_all())
        return await asyncio.shield(self._report)

    async def _check_all(self) -> Report:
        found = await asyncio.gather(*(_problem(check) for check in self._checks.values()))
        problems = dict(zip(self._checks, found, strict=True))
        reasons = {name: problem for name, problem in problems.items() if problem is not None}
        if any(name in reasons for name in self._required):
            status = "down"
        else:
            status = "degraded" if reasons else "ok"
        states = {name: "down" if name in reasons else "ok" for name in self._checks}
        return Report(status, states, reasons)


async def _problem(check: Check) -> str | None:
    """Return why a dependency can't be used, or None if it can."""
    bound = asyncio.timeout(_CHECK_SECONDS)
    try:
        async with bound:
            await check()
    except Exception as error:  # noqa: BLE001 - any error means it is down
        if bound.expired():
            return f"no answer within {_CHECK_SECONDS:g} s"
        return _printable(str(error) or type(error).__name__)
    return None


def _printable(reason: str) -> str:
    return _CREDENTIALS.sub("", " ".join(reason.split()))[:_MAX_REASON_CHARACTERS]
