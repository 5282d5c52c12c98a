"""Rotate the signing keys of an embedded service: `python -m tools.rotation_drill`.

The output is part of `docs/operations.md`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from tests.e2e.service import Service, User, a_data_dir, a_service
from tests.support.key_files import key_files

_console = Console(highlight=False, soft_wrap=True, markup=False)

OLD, NEW = ("the old key of thirty-two bytes or more", "the new key of thirty-two bytes or more")
SETTINGS: Final = (
    *("JWT_SECRET_KEY", "JWT_PREVIOUS_SECRET_KEYS"),
    *("JWT_SIGNING_KEY_FILE", "JWT_PREVIOUS_PUBLIC_KEY_FILES"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step's settings, and the status codes expected for an old and a new token."""

    title: str
    keys: Mapping[str, str]
    expected: tuple[int, int | None]
    #: Whether tokens are signed with the new key from this step on.
    signs_new: bool = False


SECRETS: Final = (
    Step("JWT_SECRET_KEY=old", {"JWT_SECRET_KEY": OLD}, (200, None)),
    Step(
        "JWT_SECRET_KEY=old JWT_PREVIOUS_SECRET_KEYS=new",
        {"JWT_SECRET_KEY": OLD, "JWT_PREVIOUS_SECRET_KEYS": NEW},
        (200, None),
    ),
    Step(
        "JWT_SECRET_KEY=new JWT_PREVIOUS_SECRET_KEYS=old",
        {"JWT_SECRET_KEY": NEW, "JWT_PREVIOUS_SECRET_KEYS": OLD},
        (200, 200),
        signs_new=True,
    ),
    Step("JWT_SECRET_KEY=new", {"JWT_SECRET_KEY": NEW}, (401, 200), signs_new=True),
)


def ed25519_steps(folder: Path) -> Iterator[Step]:
    """Yield the change-over from a secret to one key pair, and then to another one."""
    new, public = key_files(folder, "new")
    following, _ = key_files(folder, "next")
    previous = "JWT_PREVIOUS_PUBLIC_KEY_FILES"
    pairs: Sequence[tuple[Mapping[str, str], tuple[int, int | None]]] = (
        ({}, (200, None)),
        ({previous: public}, (200, None)),
        ({"JWT_SIGNING_KEY_FILE": new}, (200, 200)),
        ({"JWT_SIGNING_KEY_FILE": following, previous: public}, (200, 200)),
        ({"JWT_SIGNING_KEY_FILE": following}, (200, 401)),
    )
    for keys, expected in pairs:
        shown = " ".join(f"{name}={Path(file).name}" for name, file in keys.items())
        given = {"JWT_SECRET_KEY": OLD, **keys}
        yield Step(shown or "JWT_SECRET_KEY", given, expected, signs_new=expected[1] is not None)


def main() -> None:
    """Rotate secrets, and then Ed25519 keys."""
    with TemporaryDirectory() as folder:
        for steps in (SECRETS, tuple(ed25519_steps(Path(folder)))):
            _rotate(steps, max(len(step.title) for step in steps))


def _rotate(steps: Sequence[Step], width: int) -> None:
    """Restart the service with each step's keys, and send a token signed with each key."""
    with a_data_dir() as data_dir, a_service(data_dir, LOG_LEVEL="WARNING") as service:
        first = _restart(service, steps[0].keys).register()
        second: User | None = None
        for step in steps:
            service.stop()
            _restart(service, step.keys)
            if step.signs_new and second is None:
                second = service.log_in(first.email)
            statuses = tuple(user and user.get("/me/").status_code for user in (first, second))
            old, new = (status or "-" for status in statuses)
            _console.print(f"{step.title:<{width + 4}}old token: {old}   new token: {new}")
            if statuses != step.expected:
                sys.exit("rotation_drill: the output differs from docs/operations.md")
        service.stop()


def _restart(service: Service, keys: Mapping[str, str]) -> Service:
    for name in SETTINGS:
        service.settings.pop(name, None)
    service.settings |= keys
    return service.start()


if __name__ == "__main__":
    main()
