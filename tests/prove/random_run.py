"""A run of random faults under load, on real servers and processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Final

from tests.prove.checks import failures
from tests.prove.customers import customers_at
from tests.prove.faults import Fault, during, schedule
from tests.prove.journal import Journal
from tests.prove.sampler import Sample, Sampler, sampling
from tests.prove.servers import Target, a_target
from tests.servers.databases import fetch_value
from tests.support.postgres import beside

CUSTOMERS: Final = 24
ORDERS_PER_SECOND: Final = 170.0
#: How long accepting, publishing and processing may take to go on after a fault.
RECOVERY_SECONDS: Final = 10.0
#: After this time, a role is stuck for good.
_STUCK_SECONDS: Final = 120.0
_PROCESSED: Final = "SELECT count(DISTINCT order_id) FROM effects"
#: Two faults at the same time, once in this number.
_TWICE: Final = 4


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault, when it began and ended, and when everything made progress again."""

    name: str
    began_at: float
    ended_at: float
    recovered_at: float

    @property
    def recovery_seconds(self) -> float:
        return self.recovered_at - self.ended_at


@dataclass(slots=True)
class RandomRun:
    """The result of a run. It failed if there are any failures."""

    seed: int
    faults: list[Injected] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    failures: list[str] = field(default_factory=list)
    #: How many orders have been processed at the end.
    processed: int = 0


def run(
    seed: int, *, folder: Path, is_over: Callable[[RandomRun], bool], log: Callable[[str], object]
) -> RandomRun:
    """Hurt everything until `is_over`, then check every promise."""
    result = RandomRun(seed)
    try:
        with a_target(folder) as target:
            _run_on(target, result, is_over, log)
    except AssertionError as error:  # a role is stuck, or has not stopped with exit code 0
        result.failures.append("\n".join([str(error), *getattr(error, "__notes__", ())]))
    return result


def _run_on(
    target: Target,
    result: RandomRun,
    is_over: Callable[[RandomRun], bool],
    log: Callable[[str], object],
) -> None:
    journal = result.journal
    with sampling(target.database, journal) as sampler:
        result.samples = sampler.samples
        with customers_at(target.cluster, journal, result.seed, CUSTOMERS, ORDERS_PER_SECOND):
            _wait_for_progress(sampler, (0, 0, 0))
            _hurt(target, sampler, result, is_over, log)
        target.cluster.wait_until_finished()
    result.processed = beside(fetch_value, target.database, _PROCESSED)
    result.failures += failures(target, journal)
    if result.failures:
        result.failures.append(target.cluster.tail())


def _hurt(
    target: Target,
    sampler: Sampler,
    result: RandomRun,
    is_over: Callable[[RandomRun], bool],
    log: Callable[[str], object],
) -> None:
    faults, random = schedule(result.seed), Random(result.seed)
    while not is_over(result):
        chosen = [next(faults) for _ in range(1 + (random.randrange(_TWICE) == 0))]
        _inject(chosen, target, sampler, result, random)
        for fault in chosen:
            log(f"{fault.name}, recovered in {result.faults[-1].recovery_seconds:.1f} s")


def _inject(
    chosen: list[Fault], target: Target, sampler: Sampler, result: RandomRun, random: Random
) -> None:
    began_at = monotonic()
    if len(chosen) == 1 or chosen[0].victim == chosen[1].victim:
        for fault in chosen:
            with during(fault, target, random):
                pass
    else:
        with during(chosen[0], target, random), during(chosen[1], target, random):
            pass
    ended_at = monotonic()
    _wait_for_progress(sampler, sampler.progress)
    offset = sampler.began_at
    for fault in chosen:
        result.faults.append(
            Injected(fault.name, began_at - offset, ended_at - offset, monotonic() - offset)
        )


def _wait_for_progress(sampler: Sampler, before: tuple[int, int, int]) -> None:
    """Wait until orders are accepted, events published, and orders processed."""
    began = monotonic()
    for _ in count():
        if all(new > old for new, old in zip(sampler.progress, before, strict=True)):
            return
        if monotonic() - began > _STUCK_SECONDS:
            raise AssertionError(f"no progress since the last fault: {before}, {sampler.progress}")
        sleep(0.05)
