"""Print the tables of several runs of `make prove` as Markdown.

`python -m tests.prove.combine FOLDER...` reads the folders' `results.json`.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.prove.report import HEAD, Figures, Row

_HEAD: Final = (
    "seed",
    "minutes",
    "faults",
    "acknowledged orders",
    "processed",
    "longest recovery",
    "older reads",
    "broken promises",
)


def by_seed(results: Sequence[Any]) -> Iterator[str]:
    """Yield a table with a row for each run."""
    yield f"| {' | '.join(_HEAD)} |"
    yield "|" + "---:|" * len(_HEAD)
    for result in results:
        run = Figures(**result["figures"])
        older = f"{run.stale_reads}"
        if run.stale_reads:
            older += f", up to {run.stalest_seconds:.1f} s"
        cells = (
            f"{run.seed}",
            f"{run.minutes:.1f}",
            f"{run.faults}",
            f"{run.orders:,}",
            f"{run.processed:,}",
            f"{run.longest_recovery_seconds:.1f} s",
            older,
            f"{len(result['failures'])}",
        )
        yield f"| {' | '.join(cells)} |"


def by_fault(results: Sequence[Any]) -> Iterator[str]:
    """Yield a table of all that was hurt in all runs."""
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for result in results:
        for each in result["rows"]:
            row = Row(**each)
            what = "all seeds" if row.victim == "simulation" else row.what
            rows[row.victim, what].append(row)
    yield f"| {' | '.join(HEAD)} |"
    yield "|---|---|---:|---:|---:|"
    for (victim, what), same in rows.items():
        recoveries = [row.recovery_seconds for row in same if row.recovery_seconds is not None]
        total = Row(
            victim,
            what,
            sum(row.times for row in same),
            max(recoveries, default=None),
            sum(row.failures for row in same),
        )
        yield f"| {' | '.join(total.cells)} |"


def main() -> None:
    """Print both tables."""
    results = [json.loads(Path(folder, "results.json").read_text()) for folder in sys.argv[1:]]
    print("\n".join([*by_seed(results), "", *by_fault(results)]))


if __name__ == "__main__":
    main()
