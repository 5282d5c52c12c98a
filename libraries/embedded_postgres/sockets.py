"""The server's Unix socket: its path, its permissions, and checks if a server is listening."""

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

#: Always passed explicitly, so PGPORT in the environment has no effect.
PORT: Final = 5432

_NAME: Final = f".s.PGSQL.{PORT}"
#: SSLRequest, the shortest message in PostgreSQL's protocol that works without a login.
_MAY_WE_ENCRYPT: Final = struct.pack("!ii", 8, 80877103)
_MAX_PATH_BYTES: Final = 103  # the macOS limit (Linux allows 107)
#: In a host, SQLAlchemy treats `,` as a list and `:` as a port. The other characters break URLs.
_TROUBLESOME: Final = re.compile(r"[,:\x00-\x1f\x7f\ud800-\udfff]")


def socket_folder(home: Path, owner: int) -> Path:
    """Return the socket's folder. It is in `home`, or in `/tmp` if that path can't be used.

    The result only depends on the arguments, because all processes must compute the same one.
    """
    inside = home / "socket"
    fits = len(os.fsencode(socket_in(inside))) <= _MAX_PATH_BYTES
    if fits and not _TROUBLESOME.search(str(inside)):
        return inside
    digest = hashlib.sha256(os.fsencode(home) + b"\0" + str(owner).encode()).hexdigest()
    return Path("/tmp") / f"orders-{digest[:20]}"  # noqa: S108 - `make_private` checks its owner


def socket_in(folder: Path) -> Path:
    """Return the socket's path."""
    return folder / _NAME


def url_of(folder: Path) -> str:
    """Return the URL of the `orders` database on the socket in `folder`.

    The URL disables PG* environment variables because they are meant for other databases.
    """
    query = f"host={quote(str(folder))}&port={PORT}&pg_variables=off"
    return f"postgresql+asyncpg://orders@/orders?{query}"


def make_private(folder: Path, owner: int, group: int) -> None:
    """Create `folder` for its owner only. If it already exists, check its permissions.

    Raises:
        EmbeddedPostgresError: another user owns it, or other users can access it.
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
    """Return whether a process is accepting connections on the socket `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(os.fsencode(path))
        except BlockingIOError:
            return True  # the server is running, but its accept queue is full
        except OSError:
            return False
    return True


def is_replying(path: Path, within: float) -> bool:
    """Return whether PostgreSQL replies on the socket `path`. Blocks for up to `within` seconds."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(within)
        try:
            probe.connect(os.fsencode(path))
            probe.sendall(_MAY_WE_ENCRYPT)
            return probe.recv(1) != b""
        except OSError:
            return False
