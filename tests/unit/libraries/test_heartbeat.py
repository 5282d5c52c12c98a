import asyncio
from collections.abc import Iterator

import pytest

from libraries.asyncio_tools.heartbeat import (
    Heartbeat,
    beat,
    between_rounds,
    heartbeat,
    round_done,
    stop_signal,
)


@pytest.fixture
def mine() -> Iterator[Heartbeat]:
    token = heartbeat.set(made := Heartbeat())
    yield made
    heartbeat.reset(token)


def test_beats_and_rounds_are_progress(mine: Heartbeat) -> None:
    beat()
    assert (mine.beats, mine.rounds) == (1, 0)
    round_done()
    assert (mine.beats, mine.rounds) == (2, 1)


@pytest.mark.parametrize("idle", [False, True])
def test_a_loop_can_be_canceled_between_rounds(mine: Heartbeat, idle: bool) -> None:  # noqa: FBT001
    with between_rounds(idle=idle):
        assert (mine.may_end, mine.is_idle) == (True, idle)
    assert (mine.may_end, mine.is_idle) == (False, False)


async def test_a_stopped_loop_begins_no_other_round(mine: Heartbeat) -> None:
    stop_signal().set()
    with pytest.raises(asyncio.CancelledError), between_rounds():
        pytest.fail("the loop continues")
    assert mine.stop.is_set()


def test_outside_of_a_supervised_loop_heartbeats_do_nothing() -> None:
    beat()
    round_done()
    with between_rounds():
        pass
    assert not stop_signal().is_set()
