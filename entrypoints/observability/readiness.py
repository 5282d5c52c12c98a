"""The readiness of a process."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

#: A dependency that does not answer within this time counts as down.
_CHECK_SECONDS: Final = 1.0
#: Callers share a report for this time, so that several load balancers cost one check a second.
_SHARED_SECONDS: Final = 1.0
_MAX_REASON_CHARACTERS: Final = 300
#: User and password in a URL.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")

#: Raises if its dependency cannot be used; the message is the reason, and names the remedy.
Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a process (ok, degraded, down) and of each dependency (ok, down).

    `reasons` has a text without secrets for each dependency that is down.
    """

    status: str
    checks: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)


class Readiness:
    """Checks each dependency: without a required one the process is down, else degraded."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
        self._required = required
        self._checks = {**required, **optional}
        self._begun = 0.0
        self._report: asyncio.Task[Report] | None = None

    async def __call__(self) -> Report:
        """Check all dependencies at once, or share the report of another caller."""
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
    """Return the reason why a dependency cannot be used; None if it can."""
    bound = asyncio.timeout(_CHECK_SECONDS)
    try:
        async with bound:
            await check()
    except Exception as error:  # noqa: BLE001 - after any error it is down
        if bound.expired():
            return f"no answer within {_CHECK_SECONDS:g} s"
        return _printable(str(error) or type(error).__name__)
    return None


def _printable(reason: str) -> str:
    return _CREDENTIALS.sub("", " ".join(reason.split()))[:_MAX_REASON_CHARACTERS]
