"""Find a simpler schedule that still fails, by making as many choices as possible harmless."""

from typing import Final

from tests.simulation.choices import Schedule
from tests.simulation.simulate import Outcome, simulate

#: How many runs shrinking may take.
_MAX_RUNS: Final = 200


class Shrinker:
    """Removes faults, kills, delays and reorderings from a run that failed.

    Whole streams of choices are tried first, then halves, then smaller parts, as in delta debugging
    (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
    """

    def __init__(self, failed: Outcome, max_runs: int = _MAX_RUNS) -> None:
        self.best = failed
        self._runs_left = max_runs

    def shrink(self) -> Outcome:
        """Return the simplest failing run that was found."""
        weights = {kind: sum(map(bool, made)) for kind, made in self.best.schedule.items()}
        for kind in sorted(weights, key=lambda kind: -weights[kind]):
            self._shrink_stream(kind)
        return self.best

    def _shrink_stream(self, kind: str) -> None:
        size = len(self.best.schedule.get(kind, ()))
        while size:
            end = len(self.best.schedule.get(kind, ()))
            while end > 0:
                # From the end, because later choices depend on earlier ones.
                self._try(kind, max(0, end - size), end)
                end -= size
            size //= 2

    def _try(self, kind: str, begin: int, end: int) -> None:
        made = self.best.schedule.get(kind, ())
        if not any(made[begin:end]) or not self._runs_left:
            return
        self._runs_left -= 1
        simpler = [*made[:begin], *[0] * (end - begin), *made[end:]]
        outcome = simulate(self.best.seed, {**self.best.schedule, kind: simpler})
        if outcome.failures:
            self.best = outcome


def weight(schedule: Schedule) -> int:
    """Return how many choices are not harmless."""
    return sum(sum(map(bool, made)) for made in schedule.values())


def shrink(failed: Outcome) -> Outcome:
    """Return a simpler run with the same seed that fails as well."""
    return Shrinker(failed).shrink()
