"""When a broker with a pending response counts as silent."""

import asyncio
from itertools import count

import pytest

from adapters.kafka import silent_connections as silence
from adapters.kafka.silent_connections import unless_silent
from tests.support.deadlines import LONG


async def test_a_wait_lasts_while_bytes_of_the_reply_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(silence, "SILENCE_SECONDS", 0.01)
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sizes = count()

    def received() -> int:
        if (size := next(sizes)) == 20:
            answer.set_result("whole")
        return size

    assert await unless_silent(answer, received) == "whole"


async def test_a_wait_ends_when_no_more_bytes_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENCE_SECONDS", 0.01)
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sizes = iter([0, 5, 9, 9])
    async with asyncio.timeout(LONG):
        with pytest.raises(TimeoutError):
            await unless_silent(answer, lambda: next(sizes))
    assert answer.cancelled()
    assert next(sizes, None) is None


async def test_the_failure_of_a_request_is_its_own() -> None:
    async def fail() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await unless_silent(fail(), lambda: 0)


def test_silence_is_detected_within_the_two_seconds_of_section_8_of_the_contract() -> None:
    assert silence.SILENCE_SECONDS < 2
