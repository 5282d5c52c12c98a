"""Read how much CPU time, WAL and commands a server's process and its storage have used."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from redis import Redis

from tools.bench.storage import connected

#: Counts of PostgreSQL. The first two are late while connections are open: each backend adds its
#: own counts at most once per second.
_COUNTS: Final = """
SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8, pg_backend_pid()
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU time, transactions, bytes of WAL and Redis commands since some moment."""

    process: float
    postgres: float
    redis: float
    transactions: int
    wal_bytes: float
    redis_calls: int

    def since(self, earlier: Self) -> "Usage":
        """Return the usage between an earlier reading and this one."""
        return Usage(*(getattr(self, name) - getattr(earlier, name) for name in Usage.__slots__))


class Meter:
    """Reads the usage of a process and its children, of its PostgreSQL and of its Redis."""

    def __init__(self, pid: int, database_url: str, redis_url: str) -> None:
        self._pid = pid
        self.database_url = database_url
        self._redis_url = redis_url

    def read(self) -> Usage:
        """Return the usage since the start of the process and the servers.

        Raises:
            FileNotFoundError: the system doesn't have `/proc`.
        """
        transactions, wal_bytes, postmaster = asyncio.run(self._counts())
        with Redis.from_url(self._redis_url) as redis:
            info = redis.info("everything")
        return Usage(
            _cpu_seconds(self._pid, with_children=True),
            _cpu_seconds(postmaster, with_children=True),
            _cpu_seconds(info["process_id"]),
            transactions,
            wal_bytes,
            info["total_commands_processed"],
        )

    def transactions(self) -> int:
        """Return the number of transactions since the start of PostgreSQL's statistics."""
        return asyncio.run(self._counts())[0]

    async def _counts(self) -> tuple[int, float, int]:
        async with connected(self.database_url) as connection:
            transactions, wal_bytes, backend = await connection.fetchrow(_COUNTS)
            return transactions, wal_bytes, int(_stat(backend)[1])


def _cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Return how much CPU time a process has used, also in children that have ended.

    `with_children` adds its running children.
    """
    seconds = sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    if with_children:
        for child in _children_of(pid):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                seconds += _cpu_seconds(child)
    return seconds


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` after the program's name. The first is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]
