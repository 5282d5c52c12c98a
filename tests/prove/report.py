"""The results of all parts, as a table, as Markdown and as JSON."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from tests.prove.random_run import RECOVERY_SECONDS, Injected, RandomRun

HEAD: Final = ("killed or hurt", "how", "times", "longest recovery", "broken promises")


@dataclass(frozen=True, slots=True)
class Row:
    """What was done to one victim, and how often."""

    victim: str
    what: str
    times: int
    #: The longest time until everything made progress again, in seconds, if it was measured.
    recovery_seconds: float | None = None
    failures: int = 0

    @property
    def cells(self) -> Sequence[str]:
        """The row as text."""
        recovery = "" if self.recovery_seconds is None else f"{self.recovery_seconds:.1f} s"
        return self.victim, self.what, f"{self.times:,}", recovery, f"{self.failures:,}"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a random run."""

    seed: int
    minutes: float
    faults: int
    #: Orders that were acknowledged, and orders that were processed.
    orders: int
    processed: int
    longest_recovery_seconds: float
    #: Reads that were older than an own acknowledged write, and the oldest one's age.
    stale_reads: int
    stalest_seconds: float

    @classmethod
    def of(cls, run: RandomRun) -> Self:
        """Return the figures of a finished run."""
        stale = run.journal.stale_seconds
        return cls(
            run.seed,
            run.samples[-1].at / 60,
            len(run.faults),
            run.journal.acknowledged_orders,
            run.processed,
            max((fault.recovery_seconds for fault in run.faults), default=0.0),
            len(stale),
            max(stale, default=0.0),
        )

    def sentences(self) -> Sequence[str]:
        """Return the figures in sentences."""
        age = f", by at most {self.stalest_seconds:.1f} s" if self.stale_reads else ""
        return [
            (
                f"Random run with seed {self.seed}: {self.faults} faults"
                f" in {self.minutes:.1f} minutes."
            ),
            (
                f"{self.orders:,} orders were acknowledged"
                f" ({self.orders / (60 * self.minutes):.0f} a second),"
                f" and {self.processed:,} were processed, each once."
            ),
            f"{self.stale_reads} reads were older than an own acknowledged write{age}.",
        ]


@dataclass(slots=True)
class Report:
    """The rows of all parts, a summary in sentences, and every failure."""

    rows: list[Row] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    #: Each fault of the random run with its times, in seconds since the beginning.
    faults: list[Injected] = field(default_factory=list)
    figures: Figures | None = None

    def add(self, row: Row, failures: Sequence[str] = ()) -> None:
        """Add the result of a part."""
        self.rows.append(row)
        self.failures += failures

    def add_random_run(self, run: RandomRun) -> None:
        """Add a row for each victim and kind of fault."""
        recoveries: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for fault in run.faults:
            victim, _, what = fault.name.partition(": ")
            recoveries[victim, what].append(fault.recovery_seconds)
        for (victim, what), seconds in sorted(recoveries.items()):
            late = sum(each > RECOVERY_SECONDS for each in seconds)
            self.rows.append(Row(victim, what, len(seconds), max(seconds), late))
        self.faults += run.faults
        self.failures += run.failures
        self.failures += [
            f"{each.name}: no progress for {each.recovery_seconds:.1f} s after it was healed"
            for each in run.faults
            if each.recovery_seconds > RECOVERY_SECONDS
        ]
        self.figures = Figures.of(run)
        self.summary += self.figures.sentences()

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if self.failures:
            return f"{len(self.failures)} promises were broken."
        return "Nothing was lost, doubled, out of order or stuck."

    def lines(self) -> Iterator[str]:
        """Yield the table for a terminal."""
        table = [HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
        for row in table:
            yield "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        yield ""
        yield from self.summary
        yield self.verdict

    def markdown(self) -> str:
        """Return the table and the summary as Markdown."""
        lines = [
            f"| {' | '.join(HEAD)} |",
            "|---|---|---:|---:|---:|",
            *(f"| {' | '.join(row.cells)} |" for row in self.rows),
            "",
            *(f"- {sentence}" for sentence in self.summary),
            f"- **{self.verdict}**",
        ]
        return "\n".join(lines) + "\n"

    def json(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        return asdict(self) | {"verdict": self.verdict}
