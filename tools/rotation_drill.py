"""Rotate the signing key of an embedded service: `python -m tools.rotation_drill`.

The output is part of `docs/operations.md`.
"""

import sys
from typing import Final

from rich.console import Console

from tests.e2e.service import Service, User, a_data_dir, a_service

_console = Console(highlight=False, soft_wrap=True, markup=False)

OLD, NEW = ("the old key of thirty-two bytes or more", "the new key of thirty-two bytes or more")
#: Each step's settings, and the status codes expected for an old and a new token.
STEPS: Final = (
    ("JWT_SECRET_KEY=old", {"JWT_SECRET_KEY": OLD}, (200, None)),
    (
        "JWT_SECRET_KEY=old JWT_PREVIOUS_SECRET_KEYS=new",
        {"JWT_SECRET_KEY": OLD, "JWT_PREVIOUS_SECRET_KEYS": NEW},
        (200, None),
    ),
    (
        "JWT_SECRET_KEY=new JWT_PREVIOUS_SECRET_KEYS=old",
        {"JWT_SECRET_KEY": NEW, "JWT_PREVIOUS_SECRET_KEYS": OLD},
        (200, 200),
    ),
    ("JWT_SECRET_KEY=new", {"JWT_SECRET_KEY": NEW}, (401, 200)),
)


def main() -> None:
    """Restart the service with each step's keys, and send a token signed with each key."""
    with a_data_dir() as data_dir, a_service(data_dir, LOG_LEVEL="WARNING") as service:
        first = _restart(service, STEPS[0][1]).register()
        second: User | None = None
        for title, keys, expected in STEPS:
            service.stop()
            _restart(service, keys)
            if keys["JWT_SECRET_KEY"] == NEW and second is None:
                second = service.log_in(first.email)
            statuses = tuple(user and user.get("/me/").status_code for user in (first, second))
            old, new = (status or "-" for status in statuses)
            _console.print(f"{title:<50} old token: {old}   new token: {new}")
            if statuses != expected:
                sys.exit("rotation_drill: the output differs from docs/operations.md")
        service.stop()


def _restart(service: Service, keys: dict[str, str]) -> Service:
    for name in ("JWT_SECRET_KEY", "JWT_PREVIOUS_SECRET_KEYS"):
        service.settings.pop(name, None)
    service.settings |= keys
    return service.start()


if __name__ == "__main__":
    main()
