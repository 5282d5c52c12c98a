"""Whom the server runs as: ourselves, or where that is root, which PostgreSQL refuses, another."""

import os
import pwd
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError
from libraries.embedded_postgres.subprocesses import ServerUser, run

#: Existing users without rights of their own, the best first; `_postgres` is macOS's name. A
#: user is never created: that would change the machine for the sake of a demonstration.
_PREFERRED: Final = ("postgres", "_postgres", "nobody")


def preferred_user() -> ServerUser | None:
    """Whom a new cluster's server shall run as; None = ourselves.

    Raises:
        EmbeddedPostgresError: we are root and there is nobody to run it as.
    """
    if os.geteuid() != 0:
        return None
    for name in _PREFERRED:
        try:
            return _user(pwd.getpwnam(name))
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and this machine has none of the users "
        f"{', '.join(_PREFERRED)} to run it as: start the service as an ordinary user, "
        "or set DATABASE_URL."
    )


def user_of(cluster: Path) -> ServerUser | None:
    """Whom the server of this cluster runs as: its owner once it exists; None = ourselves.

    Raises:
        EmbeddedPostgresError: we are root, and its owner is nobody the server can run as.
    """
    if os.geteuid() != 0 or not cluster.exists():
        return preferred_user()
    owner = cluster.stat().st_uid
    try:
        entry = pwd.getpwuid(owner)
    except KeyError:
        entry = None
    if owner == 0 or entry is None:
        raise EmbeddedPostgresError(
            f"{cluster} belongs to {name_of(owner)}, whom PostgreSQL cannot run as: give it to "
            "an ordinary user of this machine, or set DATA_DIR to another folder."
        )
    return _user(entry)


def can_enter(user: ServerUser | None, folder: Path) -> bool:
    """Whether the user reaches `folder`; tried out, since modes alone do not tell (ACLs)."""
    return run(user, "/bin/sh", "-c", 'cd -- "$1"', "sh", folder).returncode == 0


def can_run(user: ServerUser | None, program: Path) -> bool:
    """Whether the user can run `program` and load its libraries; tried out."""
    try:
        return run(user, program, "--version").returncode == 0
    except EmbeddedPostgresError:
        return False


def name_of(uid: int) -> str:
    """The user's name, for a sentence."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user with id {uid}"


def _user(entry: pwd.struct_passwd) -> ServerUser:
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
