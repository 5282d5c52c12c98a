"""Simulate many seeds, in several operating system processes."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.shrink import shrink
from tests.simulation.simulate import Outcome, simulate


@dataclass(slots=True)
class Sweep:
    """The sums over all seeds, and the first seed that failed."""

    seeds: int = 0
    orders: int = 0
    virtual_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failed: int | None = None

    def add(self, outcome: Outcome) -> None:
        """Add one run."""
        self.seeds += 1
        self.orders += outcome.orders
        self.virtual_seconds += outcome.virtual_seconds
        self.faults += outcome.faults
        if outcome.failures and self.failed is None:
            self.failed = outcome.seed

    def merge(self, other: "Sweep") -> None:
        """Add the sums of another sweep."""
        self.seeds += other.seeds
        self.orders += other.orders
        self.virtual_seconds += other.virtual_seconds
        self.faults += other.faults
        if self.failed is None:
            self.failed = other.failed


def sweep(seeds: Iterable[int], jobs: int = 1) -> Sweep:
    """Simulate these seeds, until one fails."""
    result = Sweep()
    if jobs == 1:
        _collect(map(simulate, seeds), result)
    else:
        with ProcessPoolExecutor(jobs) as pool:
            _collect(pool.map(simulate, seeds, chunksize=4), result)
            pool.shutdown(cancel_futures=True)
    return result


def _collect(outcomes: Iterable[Outcome], result: Sweep) -> None:
    for outcome in outcomes:
        result.add(outcome)
        if result.failed is not None:
            return


def explain(seed: int) -> str:
    """Shrink a failing seed, and return its failures and what led to them."""
    outcome = shrink(simulate(seed))
    return "\n".join(
        [f"seed {seed} fails:", *outcome.failures, "", "The shrunk schedule:", *outcome.trace]
    )
