"""When the relay waits between two rounds, and for what."""

from types import SimpleNamespace

import pytest

from application.relay_outbox import BATCH
from entrypoints.roles import relay as role
from entrypoints.roles.relay import LINGER_SECONDS, POLL, relay


class EnoughSeen(Exception):
    """Ends the relay, which runs for ever."""


async def test_only_a_round_that_was_neither_empty_nor_full_lets_events_gather(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = iter([3, BATCH, 2 * BATCH, 0])
    waits: list[tuple[str, float]] = []

    async def relay_outbox() -> int:
        waits.append(("round", done := next(rounds)))
        return done

    async def gather(seconds: float) -> None:
        waits.append(("gather", seconds))

    async def listen(at_most: float) -> None:
        waits.append(("bell", at_most))
        raise EnoughSeen

    monkeypatch.setattr(role, "asyncio", SimpleNamespace(sleep=gather))
    with pytest.raises(EnoughSeen):
        await relay(relay_outbox, SimpleNamespace(wait=listen))  # type: ignore[arg-type]
    assert waits == [
        ("round", 3),
        ("gather", LINGER_SECONDS),
        ("round", BATCH),
        ("round", 2 * BATCH),
        ("round", 0),
        ("bell", POLL),
    ]
