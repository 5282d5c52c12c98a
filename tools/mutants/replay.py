"""Run tests on a copy of the project, with or without a mutation."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tools.mutants.finds import SUITES, Finds, find_seeds
from tools.mutants.mutation import Mutation
from tools.mutants.project import TIMEOUT_SECONDS, copied_project, run_python

_MAX_MESSAGE_CHARACTERS: Final = 90
#: Parts of a message that differ between two runs: ids, addresses in memory, and escape codes.
_VARYING: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\x1b\[[0-9;]*m"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The first failure's message of each failed test, and the whole output of pytest."""

    failures: Mapping[str, str]
    output: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a mutation. It was caught if `missed` and `error` are empty.

    `caught` has the failures of tests, and `finds` those of the simulation and the crash walks.
    """

    mutation: Mutation
    caught: Mapping[str, str] = field(default_factory=dict)
    missed: Sequence[str] = ()
    error: str = ""
    finds: Finds = field(default_factory=dict)

    @property
    def is_caught(self) -> bool:
        """Whether every named test and every suite with a seed has failed."""
        return not (self.missed or self.error)


def replay(mutation: Mutation) -> Verdict:
    """Apply a mutation to a new copy of the project, and run what must fail because of it.

    If a seed does not fail any more, because another change has shifted it, all seeds are tried.
    """
    with copied_project() as root:
        try:
            mutation.apply(root)
        except (ValueError, FileNotFoundError) as error:
            return Verdict(mutation, error=str(error))
        outcome = run_tests(root, mutation.tests)
    if not outcome.is_complete:
        return Verdict(mutation, error=f"the tests did not run:\n{outcome.output}")
    try:
        finds = find_seeds(mutation, list(mutation.seeds))
    except ValueError as error:
        return Verdict(mutation, error=str(error))
    missed = [test for test in mutation.tests if test not in outcome.failures]
    missed += [SUITES[suite] for suite, find in finds.items() if find is None]
    return Verdict(mutation, outcome.failures, missed, finds=finds)


def run_tests(root: Path, tests: Sequence[str]) -> Outcome:
    """Run these tests on the sources below `root`. A missing server counts as a failure to run."""
    report = root / "mutants.xml"
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}")
    try:
        done = run_python(root, "-m", "pytest", *options, *tests)
    except subprocess.TimeoutExpired:
        return Outcome({}, f"They took longer than {TIMEOUT_SECONDS} s.", is_complete=False)
    failures, has_errors = _read_report(report, tests)
    # pytest exits with 0 if all tests passed, and with 1 if some failed.
    is_complete = done.returncode in {0, 1} and not has_errors
    return Outcome(failures, done.stdout + done.stderr, is_complete)


def _read_report(report: Path, tests: Sequence[str]) -> tuple[Mapping[str, str], bool]:
    """Return the first failure of each test, and whether there were errors outside tests."""
    if not report.exists():
        return {}, True
    names = {_name_in_report(test): test for test in tests}
    failures: dict[str, str] = {}
    root = ET.parse(report).getroot()  # noqa: S314 - written by pytest
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name', '').partition('[')[0]}"
        failure = case.find("failure")
        if failure is not None and name in names:
            failures.setdefault(names[name], first_line(failure.get("message", "")))
    return failures, root.find(".//error") is not None


def _name_in_report(test: str) -> str:
    path, *names = test.split("::")
    return ".".join((*Path(path).with_suffix("").parts, *names))


def first_line(text: str) -> str:
    """Return the first line of a failure, without parts that differ between two runs."""
    line = _VARYING.sub("…", text.strip()).partition("\n")[0]
    if len(line) <= _MAX_MESSAGE_CHARACTERS:
        return line
    return f"{line[:_MAX_MESSAGE_CHARACTERS].rstrip()}…"
