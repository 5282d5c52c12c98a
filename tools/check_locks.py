"""Check that the locks match pyproject.toml: `python -m tools.check_locks`.

This works offline, so it doesn't look for new releases. `make lock LOCK_ARGS=--upgrade` does.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUNTIME: Final = Path("requirements.lock")
DEV: Final = Path("requirements-dev.lock")
PROJECT: Final = Path("pyproject.toml")

_PIN: Final = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))? \\")
_HASH: Final = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


@dataclass(frozen=True, slots=True)
class Pin:
    """A package's version, its environment marker and how many hashes it has."""

    version: str
    marker: str | None
    hashes: int


#: Pins by normalized package name.
Lock = Mapping[str, Pin]


def read_lock(text: str) -> Lock:
    """Return a lock's pins.

    Raises:
        ValueError: a line is not a pin, a hash or a comment. For example, it may be an index URL.
    """
    pins: dict[str, Pin] = {}
    name = ""
    for line in text.splitlines():
        if pin := _PIN.fullmatch(line):
            name = canonicalize_name(pin["name"])
            pins[name] = Pin(pin["version"], pin["marker"], 0)
        elif _HASH.fullmatch(line):
            pins[name] = Pin(pins[name].version, pins[name].marker, pins[name].hashes + 1)
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"not a pin and not a hash: {line}")
    return pins


def requirements(project: Mapping[str, Any], *groups: str) -> Iterator[Requirement]:
    """Yield the requirements in pyproject.toml, including these dependency groups (PEP 735)."""
    yield from map(Requirement, project["project"]["dependencies"])
    yield from map(Requirement, project["build-system"]["requires"])
    for group in groups:
        yield from _group(project["dependency-groups"], group)


def _group(groups: Mapping[str, Any], name: str) -> Iterator[Requirement]:
    for entry in groups[name]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from _group(groups, entry["include-group"])


def unmet(wanted: Iterator[Requirement], lock: Lock) -> Iterator[str]:
    """Yield a message for each requirement that the lock doesn't satisfy."""
    for requirement in wanted:
        pin = lock.get(canonicalize_name(requirement.name))
        if pin is None:
            yield f"{requirement.name} is missing"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{requirement.name} is {pin.version}, not {requirement.specifier}"


def unhashed(lock: Lock) -> Iterator[str]:
    """Yield a message for each package without a hash."""
    return (f"{name} has no hash" for name, pin in lock.items() if not pin.hashes)


def mismatches(runtime: Lock, dev: Lock) -> Iterator[str]:
    """Yield a message for each package that is pinned differently for tests and production."""
    return (
        f"{name} differs from {RUNTIME}" for name, pin in runtime.items() if dev.get(name) != pin
    )


def main() -> None:
    """Exit with 1 and a list of problems, if there are any."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    runtime, dev = (read_lock(path.read_text(encoding="utf-8")) for path in (RUNTIME, DEV))
    faults = [f"{RUNTIME}: {fault}" for fault in unmet(requirements(project, "build"), runtime)]
    faults += [f"{RUNTIME}: {fault}" for fault in unhashed(runtime)]
    faults += [f"{DEV}: {fault}" for fault in unmet(requirements(project, "dev"), dev)]
    faults += [f"{DEV}: {fault}" for fault in (*unhashed(dev), *mismatches(runtime, dev))]
    if faults:
        sys.exit("\n".join([*faults, "Run `make lock`."]))


if __name__ == "__main__":
    main()
