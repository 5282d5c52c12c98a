"""The server's Unix socket: its path, its permissions, and whether a server listens on it."""

import hashlib
import os
import re
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained
from libraries.embedded_postgres.server_user import name_of

#: Passed explicitly everywhere, so that PGPORT in the environment has no effect.
PORT: Final = 5432

_NAME: Final = f".s.PGSQL.{PORT}"
#: The shortest request of PostgreSQL's protocol that needs no login (SSLRequest).
_MAY_WE_ENCRYPT: Final = struct.pack("!ii", 8, 80877103)
_MAX_PATH_BYTES: Final = 103  # on macOS; Linux has 107
#: SQLAlchemy reads `,` and `:` in a host as lists and ports; the other characters break URLs.
_TROUBLESOME: Final = re.compile(r"[,:\x00-\x1f\x7f\ud800-\udfff]")


def socket_folder(home: Path, owner: int) -> Path:
    """Return the folder of the socket: under `home`, or a short one if that path is unusable.

    The result depends on the arguments only: every process must compute the same one.
    """
    inside = home / "socket"
    fits = len(os.fsencode(socket_in(inside))) <= _MAX_PATH_BYTES
    if fits and not _TROUBLESOME.search(str(inside)):
        return inside
    digest = hashlib.sha256(os.fsencode(home) + b"\0" + str(owner).encode()).hexdigest()
    return Path("/tmp") / f"orders-{digest[:20]}"  # noqa: S108 - `make_private` trusts no one there


def socket_in(folder: Path) -> Path:
    """Return the path of the socket."""
    return folder / _NAME


def url_of(folder: Path) -> str:
    """Return the URL of the database `orders` on the socket in `folder`.

    The URL turns the PG* variables of the environment off: they are meant for other databases.
    """
    query = f"host={quote(str(folder))}&port={PORT}&pg_variables=off"
    return f"postgresql+asyncpg://orders@/orders?{query}"


def make_private(folder: Path, owner: int, group: int) -> None:
    """Create `folder` for the owner alone, or check that it is the owner's alone.

    Raises:
        EmbeddedPostgresError: another user owns it, or it is open to others.
    """
    with explained(f"create the folder {folder}"):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if folder.lstat().st_uid == os.geteuid() != owner:
            os.chown(folder, owner, group, follow_symlinks=False)
    if not is_private(folder, owner):
        raise EmbeddedPostgresError(
            f"{folder} is not a folder that {name_of(owner)} alone can enter: remove it."
        )


def is_private(folder: Path, owner: int) -> bool:
    """Return whether `folder` is a real folder that only its owner can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    mode = found.st_mode
    return stat.S_ISDIR(mode) and found.st_uid == owner and not stat.S_IMODE(mode) & 0o077


def is_listening(path: Path) -> bool:
    """Return whether a process accepts connections at the socket `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(os.fsencode(path))
        except BlockingIOError:
            return True  # it runs, with a full queue
        except OSError:
            return False
    return True


def is_replying(path: Path, within: float) -> bool:
    """Return whether a PostgreSQL replies at the socket `path`; block up to `within` seconds."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(within)
        try:
            probe.connect(os.fsencode(path))
            probe.sendall(_MAY_WE_ENCRYPT)
            return probe.recv(1) != b""
        except OSError:
            return False
