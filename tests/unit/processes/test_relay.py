"""How the relay waits between two rounds."""

from types import SimpleNamespace

import pytest

from application.delivery.relay_outbox import BATCH
from entrypoints.processes import relay as role
from entrypoints.processes.relay import LINGER_SECONDS, POLL_SECONDS, relay


class EnoughSeen(Exception):
    """Ends the relay, which would otherwise run forever."""


class Rounds:
    """A `RelayOutbox` with predefined results for its rounds and for its polls."""

    def __init__(self, results: list[int], work: list[bool]) -> None:
        self.log: list[tuple[str, float]] = []
        self._results, self._work = iter(results), iter(work)

    async def __call__(self) -> int:
        self.log.append(("round", done := next(self._results)))
        return done

    async def has_work(self) -> bool:
        self.log.append(("look", work := next(self._work)))
        return work


async def test_the_relay_pauses_after_a_partly_full_batch_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = Rounds([3, BATCH, 2 * BATCH, 0], [])

    async def gather(seconds: float) -> None:
        rounds.log.append(("gather", seconds))

    async def listen(at_most: float) -> bool:
        rounds.log.append(("bell", at_most))
        raise EnoughSeen

    monkeypatch.setattr(role, "asyncio", SimpleNamespace(sleep=gather))
    with pytest.raises(EnoughSeen):
        await relay(rounds, SimpleNamespace(wait=listen))  # type: ignore[arg-type]
    assert rounds.log == [
        ("round", 3),
        ("gather", LINGER_SECONDS),
        ("round", BATCH),
        ("round", 2 * BATCH),
        ("round", 0),
        ("bell", POLL_SECONDS),
    ]


async def test_an_idle_relay_only_checks_for_waiting_events() -> None:
    rounds = Rounds([0, 0, 0], [False, False, True])
    rings = iter([False, False, False, True])

    async def listen(_at_most: float) -> bool:
        try:
            return next(rings)
        except StopIteration:
            raise EnoughSeen from None

    with pytest.raises(EnoughSeen):
        await relay(rounds, SimpleNamespace(wait=listen))  # type: ignore[arg-type]
    assert [kind for kind, _ in rounds.log] == ["round", "look", "look", "look", "round", "round"]
