"""Keep the ratios of a run in a file, and compare a later run with them."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table

from tools.bench.errors import BenchError
from tools.bench.figures import times
from tools.bench.rounds import Ratio

#: The ratios of the latest recorded run.
RECORD: Final = Path(__file__).with_name("record.json")
#: Smaller losses may come from another version of Python or of a server.
_TOLERANCE: Final = 0.05

#: Ratios by workload and rival.
Ratios = Mapping[str, Mapping[str, Ratio]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ratio in the record, and the same ratio in this run."""

    work: str
    rival: str
    recorded: Ratio
    current: Ratio

    @property
    def is_loss(self) -> bool:
        """Whether the middle half of this run's rounds is clearly below that of the record."""
        return self.current.highest < self.recorded.lowest * (1 - _TOLERANCE)


def machine() -> str:
    """Return the system, the version of Python and the number of processors."""
    return f"{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} processors"


def save(seen: Ratios, file: Path = RECORD) -> None:
    """Replace the record."""
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "ratios": {
            work: {rival: _rounded(ratio) for rival, ratio in rivals.items()}
            for work, rivals in seen.items()
        },
    }
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _rounded(ratio: Ratio) -> list[float]:
    return [round(each, 3) for each in ratio.by_round]


def load(file: Path = RECORD) -> Ratios:
    """Return the record.

    Raises:
        BenchError: there is none.
    """
    if not file.exists():
        raise BenchError(f"there is no {file.name}: run `make bench BENCH_ARGS='all --record'`")
    recorded = json.loads(file.read_text(encoding="utf-8"))["ratios"]
    return {
        work: {rival: Ratio(rounds) for rival, rounds in rivals.items()}
        for work, rivals in recorded.items()
    }


def compare(recorded: Ratios, seen: Ratios) -> Iterator[Comparison]:
    """Compare each ratio with the record.

    Raises:
        BenchError: the record lacks one of the ratios.
    """
    for work, rivals in seen.items():
        for rival, ratio in rivals.items():
            try:
                before = recorded[work][rival]
            except KeyError:
                raise BenchError(f"the record has no ratio for {work} / {rival}") from None
            yield Comparison(work, rival, before, ratio)


def comparison_table(comparisons: list[Comparison]) -> Table:
    """Return a table of the ratios then and now."""
    table = Table(title="ratios: median (middle half of the rounds)")
    for name in ("work", "rival", "recorded", "now", ""):
        table.add_column(name)
    for each in comparisons:
        verdict = "LOSS" if each.is_loss else "ok"
        table.add_row(each.work, each.rival, _shown(each.recorded), _shown(each.current), verdict)
    return table


def _shown(ratio: Ratio) -> str:
    return f"{times(ratio.median)} ({ratio.lowest:.2f} to {ratio.highest:.2f})"
