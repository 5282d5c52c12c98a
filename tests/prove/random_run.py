"""A run of random faults under load, on real servers and processes."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Final

from tests.faults.cluster import run_concurrently
from tests.prove.checks import failures
from tests.prove.customers import customers_at
from tests.prove.faults import DISK_FULL, Fault, hurt, schedule
from tests.prove.journal import Journal
from tests.prove.sampler import Sample, Sampler, sampling
from tests.prove.servers import Target, a_target
from tests.servers.databases import fetch_value
from tests.support.postgres import beside

CUSTOMERS: Final = 24
ORDERS_PER_SECOND: Final = 220.0
#: How long accepting, publishing and processing may take to go on after a fault.
RECOVERY_SECONDS: Final = 10.0
#: After this time, a role is stuck for good.
_STUCK_SECONDS: Final = 120.0
_PROCESSED: Final = "SELECT count(DISTINCT order_id) FROM effects"
#: How many faults happen at the same time, but one after the other for the same victim.
_AT_ONCE: Final = (1, 2, 2, 3)
_PROGRESS: Final = ("accepted", "published", "processed")


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault, when it began and ended, and when everything made progress again."""

    name: str
    began_at: float
    ended_at: float
    recovered_at: float
    #: What made progress last: orders were accepted, events published, or orders processed.
    recovered_last: str = ""

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
            _wait_for_progress(sampler, monotonic())
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
    faults = schedule(result.seed, can_fill_disk=target.disk is not None)
    random = Random(result.seed)
    if target.disk is None:
        log(f"Left out, because this user can't mount a file system: {DISK_FULL.name}")
    while not is_over(result):
        chosen = [next(faults) for _ in range(random.choice(_AT_ONCE))]
        _inject(chosen, target, sampler, result, random)
        recovered = result.faults[-1]
        log(
            f"{' + '.join(fault.name for fault in chosen)},"
            f" recovered in {recovered.recovery_seconds:.1f} s ({recovered.recovered_last})"
        )


def _inject(
    chosen: list[Fault], target: Target, sampler: Sampler, result: RandomRun, random: Random
) -> None:
    began_at = monotonic()
    of_victim: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
    for fault in chosen:
        act = partial(hurt, fault, target, Random(random.random()))
        of_victim[fault.victim].append(act)
    run_concurrently(partial(_one_after_the_other, acts) for acts in of_victim.values())
    ended_at = monotonic()
    last = _wait_for_progress(sampler, ended_at)
    offset = sampler.began_at
    for fault in chosen:
        result.faults.append(
            Injected(fault.name, began_at - offset, ended_at - offset, monotonic() - offset, last)
        )


def _one_after_the_other(acts: Iterable[Callable[[], None]]) -> None:
    for act in acts:
        act()


def _wait_for_progress(sampler: Sampler, healed_at: float) -> str:
    """Wait until orders are accepted, events published, and orders processed after healing.

    Return which of them was last.
    """
    before: tuple[int, int, int] | None = None
    missing = list(_PROGRESS)
    while True:
        if before is None and sampler.looked_at > healed_at:
            before = sampler.progress  # older totals may be from before the fault
        elif before is not None:
            totals = zip(_PROGRESS, sampler.progress, before, strict=True)
            grown = {name for name, new, old in totals if new > old}
            if grown.issuperset(missing):
                return missing[-1]
            missing = [name for name in missing if name not in grown]
        if monotonic() - healed_at > _STUCK_SECONDS:
            raise AssertionError(f"no progress since the last fault: {before}, {sampler.progress}")
        sleep(0.05)
