"""Find out where the simulation and the crash walks notice a mutation."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.mutants.mutation import ROOT, Mutation, load_mutations
from tools.mutants.project import copied_project, run_python

SUITES: Final[Mapping[str, str]] = {
    "simulation": "simulation",
    "walk": "crash walk in memory",
    "walk_on_postgresql": "crash walk on PostgreSQL",
}
#: The seed to try first if there is none in the table.
FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Find:
    """A seed or a point, and the promise that is broken there."""

    at: int
    failure: str


#: What each suite has found, or None if it found nothing.
Finds = Mapping[str, Find | None]


def find_seeds(mutation: Mutation, suites: Sequence[str]) -> Finds:
    """Run suites on a mutated copy of the project. The seeds in the table are tried first.

    Raises:
        ValueError: an edit does not fit its file, or a suite did not run.
    """
    if not suites:
        return {}
    others = {each.name: each for each in load_mutations()}
    with copied_project() as root:
        for each in (mutation, *(others[name] for name in mutation.together_with)):
            each.apply(root)
        return {suite: hunt(root, suite, [mutation.seeds.get(suite, FIRST)]) for suite in suites}


def place_of(suite: str, seed: int) -> str:
    """Return the name of a suite with a seed or a point."""
    if suite == "simulation":
        return f"{SUITES[suite]}, seed {seed}"
    return f"{SUITES[suite]}, {'without a kill' if seed < 0 else f'point {seed}'}"


def seeds_of(finds: Finds) -> Mapping[str, int]:
    """Return the seeds of those suites that have found something."""
    return {suite: find.at for suite, find in finds.items() if find is not None}


def false_alarms(found: Iterable[Finds]) -> Sequence[str]:
    """Return a line for each suite in which a found seed fails without any mutation as well."""
    seeds: defaultdict[str, set[int]] = defaultdict(set)
    for finds in found:
        for suite, seed in seeds_of(finds).items():
            seeds[suite].add(seed)
    # With two seeds at least, no others are tried.
    alarms = {suite: hunt(ROOT, suite, [*sorted(seeds[suite]), FIRST]) for suite in seeds}
    return [f"{place_of(suite, find.at)}: {find.failure}" for suite, find in alarms.items() if find]


def hunt(root: Path, suite: str, seeds: Sequence[int]) -> Find | None:
    """Run a suite on the sources below `root` with these seeds, until one fails.

    With one seed, all others are tried after it.

    Raises:
        ValueError: the suite did not run.
    """
    done = run_python(root, "-m", "tools.mutants.hunt", suite, *map(str, seeds))
    if done.returncode:
        raise ValueError(f"{suite} did not run:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found and Find(**found)
