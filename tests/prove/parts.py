"""The parts of the proof that need no processes: the crash walk and the simulation."""

import asyncio

from tests.faults.crash_walk import Walk, walk
from tests.faults.walked_storages import InMemory, OnPostgres
from tests.prove.report import Report, Row
from tests.simulation.sweep import Sweep, explain, sweep


def walk_in_memory() -> Walk:
    """Kill at each point, on the storage in memory."""
    return asyncio.run(walk(InMemory()))


def walk_on_postgresql() -> Walk:
    """Kill at each point, on a PostgreSQL of its own."""

    return OnPostgres.use(walk)


def add_walk(report: Report, storage: str, result: Walk) -> None:
    """Add a finished walk. A walk that fails raises an error instead."""
    report.add(Row(f"crash walk {storage}", "killed before and after each call", result.kills))


def simulate_seeds(first: int, seeds: int) -> Sweep:
    """Simulate seeds from `first` on."""
    return sweep(range(first, first + seeds))


def add_sweep(report: Report, result: Sweep) -> None:
    """Add the result of the simulation."""
    failures = [] if result.failed is None else [explain(result.failed)]
    what = f"{result.seeds:,} seeds, {result.virtual_seconds / 3600:.1f} virtual hours"
    report.add(Row("simulation", what, result.faults.total(), failures=len(failures)), failures)
