"""Simulate many seeds: `python -m tests.simulation --seeds 1000 --first 1`."""

import argparse
import os
import sys
from time import monotonic

from tests.simulation.sweep import explain, sweep


def main() -> int:
    """Simulate, and print a summary, or the shrunk schedule of the first failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N", help="how many seeds")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    began = monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    result = sweep(seeds, arguments.jobs)
    print(
        f"{result.seeds} seeds in {monotonic() - began:.0f} s: {result.orders} orders,"
        f" {result.faults.total()} faults, {result.virtual_seconds / 3600:.1f} virtual hours"
    )
    for name, count in sorted(result.faults.items()):
        print(f"  {name:24} {count:6}")
    if result.failed is None:
        print("Nothing was lost, doubled, reordered or stuck.")
        return 0
    print(explain(result.failed))
    return 1


if __name__ == "__main__":
    sys.exit(main())
