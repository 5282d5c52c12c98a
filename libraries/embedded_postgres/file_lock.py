"""Locks that end with their process (`flock`): a killed process never keeps one."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained
from libraries.embedded_postgres.wait_until import wait_until


class FileLock:
    """One open file and the lock on it.

    The lock belongs to the open file, not to the process: a child that inherits the descriptor
    keeps the lock until it ends, and two of these in one process exclude each other.
    """

    def __init__(self, path: Path) -> None:
        with explained(f"open the lock {path}"):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o600)
        self.held = False
        self._path = path

    def take(self) -> bool:
        """Try to lock exclusively, in place of a shared lock of this object; return the success."""
        return self._lock(fcntl.LOCK_EX)

    def share(self) -> bool:
        """Try to lock together with other sharers, without waiting; return the success."""
        return self._lock(fcntl.LOCK_SH)

    def _lock(self, kind: int) -> bool:
        try:
            with explained(f"lock {self._path}"):
                fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
        except EmbeddedPostgresError as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            self.held = False
        else:
            self.held = True
        return self.held

    def close(self) -> None:
        """Close the file; the lock ends unless a child inherited it. May be called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor, self.held = -1, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@asynccontextmanager
async def exclusively(path: Path, within: float) -> AsyncIterator[None]:
    """Hold the lock on `path`; wait up to `within` seconds for it, beside the event loop.

    Raises:
        EmbeddedPostgresError: another process held the lock all that time.
    """
    with FileLock(path) as lock:
        if not await wait_until(lock.take, within):
            raise EmbeddedPostgresError(
                f"Another process has been starting or stopping PostgreSQL for over {within:.0f} s "
                f"(it holds {path}): wait for it, or end it."
            )
        yield
