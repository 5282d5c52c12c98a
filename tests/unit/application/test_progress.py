import asyncio
from collections.abc import Iterator

import pytest

from application.progress import Pulse, beat, between_rounds, pulse, round_done, stop_signal


@pytest.fixture
def mine() -> Iterator[Pulse]:
    token = pulse.set(made := Pulse())
    yield made
    pulse.reset(token)


def test_a_beat_is_progress_and_a_round_is_too(mine: Pulse) -> None:
    beat()
    assert (mine.beats, mine.rounds) == (1, 0)
    round_done()
    assert (mine.beats, mine.rounds) == (2, 1)


@pytest.mark.parametrize("idle", [False, True])
def test_between_two_rounds_a_loop_may_be_ended(mine: Pulse, idle: bool) -> None:  # noqa: FBT001
    with between_rounds(idle=idle):
        assert (mine.may_end, mine.is_idle) == (True, idle)
    assert (mine.may_end, mine.is_idle) == (False, False)


async def test_a_loop_that_is_to_end_begins_no_other_round(mine: Pulse) -> None:
    stop_signal().set()
    with pytest.raises(asyncio.CancelledError), between_rounds():
        pytest.fail("it goes on")
    assert mine.stop.is_set()


def test_outside_of_a_supervised_loop_nothing_happens() -> None:
    beat()
    round_done()
    with between_rounds():
        pass
    assert not stop_signal().is_set()
