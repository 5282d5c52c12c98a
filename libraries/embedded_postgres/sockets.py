"""The server's Unix socket: where it is, who may come near it, and whether somebody listens."""

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

#: Said everywhere, so that a PGPORT in somebody's environment changes nothing.
PORT: Final = 5432

_NAME: Final = f".s.PGSQL.{PORT}"
#: The shortest question of PostgreSQL's protocol, asked before any login (its SSLRequest).
_MAY_WE_ENCRYPT: Final = struct.pack("!ii", 8, 80877103)
_MAX_PATH_BYTES: Final = 103  # bytes: macOS's bound; Linux has 107
#: SQLAlchemy reads `,` and `:` in a host as lists and ports; `?` is what cannot be encoded.
_TROUBLESOME: Final = re.compile(r"[,:\x00-\x1f\x7f\ud800-\udfff]")


def socket_folder(home: Path, owner: int) -> Path:
    """The folder of the socket: under `home`, or a short private one where that name cannot be.

    It depends on nothing but its arguments: every process must come to the same answer.
    """
    inside = home / "socket"
    fits = len(os.fsencode(socket_in(inside))) <= _MAX_PATH_BYTES
    if fits and not _TROUBLESOME.search(str(inside)):
        return inside
    digest = hashlib.sha256(os.fsencode(home) + b"\0" + str(owner).encode()).hexdigest()
    return Path("/tmp") / f"orders-{digest[:20]}"  # noqa: S108 - `make_private` trusts no one there


def socket_in(folder: Path) -> Path:
    """The socket's own path."""
    return folder / _NAME


def url_of(folder: Path) -> str:
    """The URL of the database `orders` on the socket in `folder`.

    With it the PG* variables of the host are not read: they are meant for other databases.
    """
    where = f"host={quote(str(folder))}&port={PORT}&pg_variables=off"
    return f"postgresql+asyncpg://orders@/orders?{where}"


def make_private(folder: Path, owner: int, group: int) -> None:
    """Create `folder` as the owner's alone, or make sure that it is.

    Raises:
        EmbeddedPostgresError: somebody else made it, or opened it to others.
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
    """Whether `folder` is a real folder, the owner's, and closed to everybody else."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    mode = found.st_mode
    return stat.S_ISDIR(mode) and found.st_uid == owner and not stat.S_IMODE(mode) & 0o077


def is_listening(path: Path) -> bool:
    """Whether a live process accepts connections at the socket `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(os.fsencode(path))
        except BlockingIOError:
            return True  # alive, with a full queue
        except OSError:
            return False
    return True


def is_replying(path: Path, within: float) -> bool:
    """Whether a PostgreSQL says something at the socket `path`; blocks for so many seconds."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(within)
        try:
            probe.connect(os.fsencode(path))
            probe.sendall(_MAY_WE_ENCRYPT)
            return probe.recv(1) != b""
        except OSError:
            return False
