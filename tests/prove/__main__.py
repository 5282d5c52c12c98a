"""Kill the service everywhere, audit it, and print a table of what was hurt and how often."""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

from tests.prove import random_run
from tests.prove.parts import (
    add_sweep,
    add_walk,
    simulate_seeds,
    walk_in_memory,
    walk_on_postgresql,
)
from tests.prove.random_run import RandomRun
from tests.prove.report import Report
from tests.prove.timeline import timeline

#: Simulated seeds, and as many more for each minute of the random run.
_SEEDS: Final = 150
_SEEDS_PER_MINUTE: Final = 100


def main() -> int:
    """Run all parts. Return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all random choices")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the random run")
    parser.add_argument("--results", type=Path, default=Path("prove-results"), metavar="FOLDER")
    arguments = parser.parse_args()
    report = Report()
    _run_without_processes(report, arguments.seed, _seeds(arguments.minutes))
    run = _run_random(arguments.seed, arguments.minutes)
    report.add_random_run(run)
    _save(report, run, arguments.results)
    print("\n".join(["", *report.lines()]))
    for failure in report.failures:
        print(f"\n{failure}")
    if report.failures:
        print(f"\nRepeat it: make prove SEED={arguments.seed} MINUTES={arguments.minutes:g}")
    return bool(report.failures)


def _seeds(minutes: float) -> int:
    return _SEEDS + round(_SEEDS_PER_MINUTE * minutes)


def _run_without_processes(report: Report, seed: int, seeds: int) -> None:
    _log(f"Walk through every point, and simulate {seeds} seeds")
    with ProcessPoolExecutor(2) as pool:
        walks = {
            "on PostgreSQL": pool.submit(walk_on_postgresql),
            "in memory": pool.submit(walk_in_memory),
        }
        # Other seeds than those of `make test`, and no seed twice.
        first = 1_000_000 * seed
        sweeps = [pool.submit(simulate_seeds, first + at, 50) for at in range(0, seeds, 50)]
        for storage, result in walks.items():
            add_walk(report, storage, result.result())
        total = sweeps[0].result()
        for each in sweeps[1:]:
            total.merge(each.result())
    add_sweep(report, total)


def _run_random(seed: int, minutes: float) -> RandomRun:
    _log("Start two processes of each role, PostgreSQL, Redis and two Kafka brokers")
    ends_at: list[float] = []

    def is_over(_: RandomRun) -> bool:
        if not ends_at:  # the servers have just become ready
            ends_at.append(monotonic() + 60 * minutes)
        return monotonic() > ends_at[0]

    with tempfile.TemporaryDirectory() as folder:
        return random_run.run(seed, folder=Path(folder), is_over=is_over, log=_log)


def _save(report: Report, run: RandomRun, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(report.markdown())
    (folder / "results.json").write_text(json.dumps(report.json(), indent=2) + "\n")
    (folder / "timeline.svg").write_text(timeline(run))
    _log(f"Saved the table and the timeline in {folder}/")


_BEGAN: Final = monotonic()


def _log(text: str) -> None:
    print(f"{monotonic() - _BEGAN:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
