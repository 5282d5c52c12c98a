"""Find the seed of the simulation and the points of the crash walks that catch each mutation.

`python -m tools.mutants.seeds` finds all of them again, which is necessary after a change that
shifts the calls of ports. With names, it tries all suites on these mutations. Both write what they
find to `mutations.toml` and to the page's table.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from tools.mutants.finds import SUITES, Finds, false_alarms, find_seeds, place_of, seeds_of
from tools.mutants.mutation import Mutation, load_mutations, write_seeds
from tools.mutants.page import write_finds

console = Console(highlight=False, markup=False)


def main() -> None:
    """Find seeds. The exit code is 0 if each suite with a seed in the table still has one."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants.seeds", description=__doc__)
    parser.add_argument("names", nargs="*", help="try all suites on these mutations")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    mutations = {each.name: each for each in load_mutations()}
    if unknown := set(arguments.names) - set(mutations):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    wanted = dict.fromkeys(arguments.names, arguments.suites) or {
        name: [suite for suite in arguments.suites if suite in each.seeds]
        for name, each in mutations.items()
    }
    found = _find_all({name: suites for name, suites in wanted.items() if suites}, arguments.jobs)
    if alarms := false_alarms(found.values()):
        sys.exit("\n".join(["Found without a mutation:", *alarms]))
    write_seeds({name: {**mutations[name].seeds, **seeds_of(found[name])} for name in found})
    write_finds(found)
    lost = [f"{name} ({suite})" for name in found for suite in _lost(mutations[name], found[name])]
    if lost:
        sys.exit(f"Not caught any more: {', '.join(lost)}")


def _find_all(wanted: Mapping[str, Sequence[str]], jobs: int) -> Mapping[str, Finds]:
    mutations = [each for each in load_mutations() if each.name in wanted]
    found: dict[str, Finds] = {}
    with ThreadPoolExecutor(jobs) as threads:
        all_finds = threads.map(lambda each: find_seeds(each, wanted[each.name]), mutations)
        for mutation, finds in zip(mutations, all_finds, strict=True):
            found[mutation.name] = finds
            for suite, find in finds.items():
                place = f"{place_of(suite, find.at)}: " if find else f"{SUITES[suite]}: "
                failure = find.failure if find else "NOT CAUGHT"
                console.print(f"{mutation.name}: {place}{failure}", soft_wrap=True)
    return found


def _lost(mutation: Mutation, finds: Finds) -> Sequence[str]:
    return [suite for suite in mutation.seeds if suite in finds and finds[suite] is None]


if __name__ == "__main__":
    main()
