"""Choose the user that the server runs as. It must not be root."""

import os
import pwd
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError
from libraries.embedded_postgres.subprocesses import ServerUser, run

#: Existing unprivileged users in order of preference (`_postgres` is the macOS name). Creating a
#: new user is not an option because it would change the machine.
_PREFERRED: Final = ("postgres", "_postgres", "nobody")


def preferred_user() -> ServerUser | None:
    """Return the user for a new cluster's server, or None for this process's user.

    Raises:
        EmbeddedPostgresError: this process is running as root and none of these users exist.
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
    """Return the user for this cluster's server (its owner), or None for this process's user.

    Raises:
        EmbeddedPostgresError: this process is running as root and the owner can't run the server.
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
    """Return whether the user can enter `folder`. Tries it, because there may be ACLs."""
    return run(user, "/bin/sh", "-c", 'cd -- "$1"', "sh", folder).returncode == 0


def can_run(user: ServerUser | None, program: Path) -> bool:
    """Try to run `program` as the user. Return whether that worked."""
    try:
        return run(user, program, "--version").returncode == 0
    except EmbeddedPostgresError:
        return False


def name_of(uid: int) -> str:
    """Return the user's name for use in messages."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user with id {uid}"


def _user(entry: pwd.struct_passwd) -> ServerUser:
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
