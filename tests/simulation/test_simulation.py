"""The whole service keeps its promises in simulated runs, and the simulation notices if it doesn't.

`python -m tests.simulation --seeds 1000` simulates more seeds. A failing seed is shrunk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from adapters.memory.orders_table import OrdersTable
from tests.simulation.choices import Choices
from tests.simulation.loop import EndlessRun, SimulatedLoop, current_process
from tests.simulation.shrink import Shrinker, weight
from tests.simulation.simulate import simulate
from tests.simulation.sweep import explain, sweep

#: `make prove` simulates many more.
_SEEDS: Final = range(1, 26)


def test_all_promises_are_kept_in_simulated_runs() -> None:
    result = sweep(_SEEDS)
    assert result.failed is None, explain(result.failed or 0)
    assert result.orders > len(_SEEDS)
    # Each kind of fault happens several times, and processes are killed at calls of their ports.
    assert min(result.faults.values()) > 1
    assert "kill at a call" in result.faults


def test_a_seed_and_its_schedule_repeat_a_run_exactly() -> None:
    traces = set[tuple[str, ...]]()
    for seed in range(7, 17):
        first = simulate(seed)
        assert simulate(seed).trace == first.trace
        assert simulate(seed, first.schedule).trace == first.trace
        traces.add(tuple(first.trace))
    assert len(traces) == 10


def test_a_broken_guard_is_found_and_its_schedule_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrdersTable, "ensure_follows", lambda *_: None)
    found = sweep(range(1, 200)).failed
    assert found is not None
    failed = simulate(found)
    smaller = Shrinker(failed, max_runs=30).shrink()
    assert smaller.failures
    assert weight(smaller.schedule) < weight(failed.schedule)
    assert simulate(found, smaller.schedule).trace == smaller.trace


# --- The event loop


class _Process:
    """The owner of a task."""

    def __init__(self) -> None:
        self.is_dead = self.is_frozen = False
        self.parked: list[asyncio.Handle] = []

    def own(self, *_: Any) -> None:
        """Do nothing."""


def _run(act: Callable[[SimulatedLoop], Awaitable[None]]) -> SimulatedLoop:
    loop = SimulatedLoop(Choices(1))
    try:
        loop.run_until_complete(act(loop))
    finally:
        loop.close()
    return loop


def test_time_jumps_to_the_next_timer() -> None:
    async def act(_: SimulatedLoop) -> None:
        await asyncio.sleep(3_600)

    assert _run(act).time() == 3_600


def test_waiting_for_nothing_is_an_endless_run() -> None:
    async def act(_: SimulatedLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(EndlessRun):
        _run(act)


@pytest.mark.parametrize("state", ["is_dead", "is_frozen"])
def test_a_dead_or_frozen_process_does_not_run_until_it_thaws(state: str) -> None:
    steps = list[int]()

    async def work() -> None:
        for step in range(3):
            steps.append(step)
            await asyncio.sleep(1.0)

    async def act(loop: SimulatedLoop) -> None:
        process = _Process()
        token = current_process.set(process)
        task = loop.create_task(work())
        current_process.reset(token)
        await asyncio.sleep(1.5)
        setattr(process, state, True)
        await asyncio.sleep(10.0)
        assert steps == [0, 1]
        process.is_frozen = False
        loop.unpark(process)
        await asyncio.sleep(10.0)
        assert task.done() == (state == "is_frozen")

    _run(act)
    assert steps == ([0, 1, 2] if state == "is_frozen" else [0, 1])
