"""`make mutants`: replay mutations. The exit code is 0 if all of them were caught.

With names, only these mutations are replayed. The page's rows of caught mutations and the seeds in
the table are rewritten.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.table import Table

from tools.mutants.finds import false_alarms, place_of, seeds_of
from tools.mutants.mutation import ROOT, Mutation, load_mutations, write_seeds
from tools.mutants.page import write_verdicts
from tools.mutants.project import copied_project
from tools.mutants.replay import Verdict, replay, run_tests

console = Console(highlight=False, markup=False)


def main(names: Sequence[str]) -> None:
    """Replay the mutations with these names, or all."""
    mutations = _chosen(names)
    _check(mutations)
    verdicts = list(_replayed(mutations))
    console.print(_table(verdicts))
    caught = [verdict for verdict in verdicts if verdict.is_caught]
    if alarms := false_alarms(verdict.finds for verdict in caught):
        sys.exit("\n".join(["Found without a mutation:", *alarms]))
    write_seeds({verdict.mutation.name: seeds_of(verdict.finds) for verdict in caught})
    write_verdicts(caught)
    if len(caught) < len(verdicts):
        sys.exit(f"{len(verdicts) - len(caught)} of {len(verdicts)} mutations were not caught.")


def _chosen(names: Sequence[str]) -> Sequence[Mutation]:
    mutations = load_mutations()
    if unknown := set(names) - {mutation.name for mutation in mutations}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    return [mutation for mutation in mutations if not names or mutation.name in names]


def _check(mutations: Sequence[Mutation]) -> None:
    """Exit if a mutation doesn't fit the sources, or if a test fails without any mutation."""
    if errors := [error for mutation in mutations for error in mutation.errors(ROOT)]:
        sys.exit("\n".join(errors))
    tests = list(dict.fromkeys(test for mutation in mutations for test in mutation.tests))
    console.print(f"{len(tests)} tests without a mutation …")
    with copied_project() as root:
        outcome = run_tests(root, tests)
    if outcome.failures or not outcome.is_complete:
        sys.exit(f"Tests fail without a mutation.\n{outcome.output}")


def _replayed(mutations: Sequence[Mutation]) -> Iterator[Verdict]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for verdict in threads.map(replay, mutations):
            console.print(f"{verdict.mutation.name}: {_reason(verdict)}", soft_wrap=True)
            yield verdict


def _word(verdict: Verdict) -> str:
    return "caught" if verdict.is_caught else "NOT CAUGHT"


def _reason(verdict: Verdict) -> str:
    if verdict.is_caught:
        return _word(verdict)
    return f"{_word(verdict)}: {verdict.error or 'passed: ' + ', '.join(verdict.missed)}"


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("mutation", "verdict", "failures", show_lines=True)
    for verdict in verdicts:
        lines = [f"{test.rpartition('::')[2]}: {how}" for test, how in verdict.caught.items()]
        finds = ((place_of(suite, find.at), find) for suite, find in verdict.finds.items() if find)
        lines += [f"{place}: {find.failure}" for place, find in finds]
        failures = "\n".join(lines)
        table.add_row(verdict.mutation.name, _word(verdict), failures)
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
