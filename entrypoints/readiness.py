"""Whether a process can do its work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

#: Seconds after which a dependency that does not answer counts as down.
_PATIENCE: Final = 1.0

Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a process and of each thing that it depends on: ok, degraded, down."""

    status: str
    checks: Mapping[str, str]


class Readiness:
    """Asks each dependency: without a required one we are down, without another degraded."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
        self._required = required
        self._checks = {**required, **optional}

    async def __call__(self) -> Report:
        """Ask all of them at once."""
        answers = await asyncio.gather(*(_answers(check) for check in self._checks.values()))
        up = dict(zip(self._checks, answers, strict=True))
        if not all(up[name] for name in self._required):
            status = "down"
        else:
            status = "ok" if all(up.values()) else "degraded"
        return Report(status, {name: "ok" if fine else "down" for name, fine in up.items()})


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except Exception:  # noqa: BLE001 - whatever keeps a dependency from answering, it is down
        return False
    return True
