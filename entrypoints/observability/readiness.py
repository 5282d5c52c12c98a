"""Whether a process can do its work."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

#: Seconds after which a dependency that does not answer counts as down.
_PATIENCE: Final = 1.0
#: Seconds for which callers share a report: balancers that probe every second cost one check each.
_SHARED_SECONDS: Final = 1.0
_MAX_REASON_CHARACTERS: Final = 300
#: User and password in a URL.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")

#: Raises if its dependency cannot be used; the message is the reason, and names the remedy.
Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a process (ok, degraded, down), and of each thing that it depends on (ok, down).

    `reasons` says of each that is down why it is, without any secret.
    """

    status: str
    checks: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)


class Readiness:
    """Checks each dependency: without a required one we are down, without another degraded."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
        self._required = required
        self._checks = {**required, **optional}
        self._begun = 0.0
        self._report: asyncio.Task[Report] | None = None

    async def __call__(self) -> Report:
        """Check all of them at once, or share the report that another caller began just now."""
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
    """Return why a dependency cannot be used; None if it can."""
    bound = asyncio.timeout(_PATIENCE)
    try:
        async with bound:
            await check()
    except Exception as error:  # noqa: BLE001 - whatever keeps a dependency from answering, it is down
        if bound.expired():
            return f"no answer within {_PATIENCE:g} s"
        return _printable(str(error) or type(error).__name__)
    return None


def _printable(reason: str) -> str:
    return _CREDENTIALS.sub("", " ".join(reason.split()))[:_MAX_REASON_CHARACTERS]
