"""Measure contestants in turn, and compare them round by round."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tools.bench.contestants import BASELINE, FLOOR, SERVICE, Contestant
from tools.bench.errors import BenchError
from tools.bench.usage import Meter, Usage
from tools.bench.wrk import WARM_UP_SECONDS, Measured, send

#: Rounds disagree if the highest ratio of the middle half is more than this times the lowest one.
_AGREEMENT: Final = 1.25


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement, and the CPU time that it took. Without `/proc`, `usage` is None."""

    measured: Measured
    usage: Usage | None

    def per_request(self, name: str) -> float | None:
        """Return a field of `Usage` per request."""
        if self.usage is None:
            return None
        spent: float = getattr(self.usage, name)
        return spent / self.measured.requests


#: The samples of all rounds, by workload and contestant.
Rounds = Mapping[str, Mapping[str, Sequence[Sample]]]


def middle_half(values: Sequence[float]) -> Sequence[float]:
    """Return the sorted values without a quarter of them at each end (rounded down)."""
    quarter = len(values) // 4
    return sorted(values)[quarter : len(values) - quarter]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The throughput of the service divided by a rival's, in each round."""

    by_round: Sequence[float]

    @property
    def median(self) -> float:
        """The median of all rounds."""
        return median(self.by_round)

    @property
    def lowest(self) -> float:
        """The lowest ratio of the middle half of the rounds."""
        return middle_half(self.by_round)[0]

    @property
    def highest(self) -> float:
        """The highest ratio of the middle half of the rounds."""
        return middle_half(self.by_round)[-1]

    @property
    def agrees(self) -> bool:
        """Whether the rounds are close enough for their median to mean something."""
        return self.highest <= self.lowest * _AGREEMENT


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how long and with how many connections to measure."""

    rounds: int
    seconds: int
    connections: int = 32


def measure_rounds(
    contestants: Sequence[Contestant],
    works: Sequence[str],
    plan: Plan,
    folder: Path,
    show: Callable[[str], None],
) -> Rounds:
    """Measure all contestants and workloads in turn, so that noise affects all of them equally.

    Raises:
        BenchError: a contestant has rejected requests or closed connections.
    """
    seen: dict[str, dict[str, list[Sample]]] = {
        work: {each.name: [] for each in contestants} for work in works
    }
    for number in range(plan.rounds):
        for work in works:
            for each in contestants:
                show(f"round {number + 1}/{plan.rounds} -c{plan.connections}: {work}, {each.name}")
                seen[work][each.name].append(sample(each, work, plan, folder))
    return seen


def sample(contestant: Contestant, work: str, plan: Plan, folder: Path) -> Sample:
    """Warm up the contestant for a second, then measure it once.

    Raises:
        BenchError: the contestant has rejected requests or closed connections.
    """
    requests = contestant.works[work]
    try:
        send(requests, folder, WARM_UP_SECONDS, plan.connections)
        return metered(
            contestant.meter, lambda: send(requests, folder, plan.seconds, plan.connections)
        )
    except BenchError as error:
        raise BenchError(f"{contestant.name}, {work}: {error}") from error


def metered(meter: Meter, measure: Callable[[], Measured]) -> Sample:
    """Read the usage before and after a measurement."""
    try:
        before = meter.read()
    except FileNotFoundError:
        return Sample(measure(), None)
    measured = measure()
    return Sample(measured, meter.read().since(before))


def ratios(rounds: Rounds) -> dict[str, dict[str, Ratio]]:
    """Compare the service with its rivals, by workload and rival."""
    return {
        work: {rival: _ratio(by_name[SERVICE], by_name[rival]) for rival in (BASELINE, FLOOR)}
        for work, by_name in rounds.items()
    }


def _ratio(mine: Sequence[Sample], theirs: Sequence[Sample]) -> Ratio:
    return Ratio(
        [
            my.measured.per_second / their.measured.per_second
            for my, their in zip(mine, theirs, strict=True)
        ]
    )
