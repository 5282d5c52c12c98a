"""File locks (`flock`). The kernel releases them when a process ends, even if it is killed."""

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
    """An open file and its lock.

    The lock belongs to the open file and not to the process. This means that a child process that
    inherits the descriptor keeps the lock until it exits, and that two `FileLock`s in the same
    process exclude each other.
    """

    def __init__(self, path: Path) -> None:
        with explained(f"open the lock {path}"):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o600)
        self.held = False
        self._path = path

    def take(self) -> bool:
        """Try to lock exclusively, replacing a shared lock. Return whether it worked."""
        return self._lock(fcntl.LOCK_EX)

    def share(self) -> bool:
        """Try to get a shared lock without waiting. Return whether it worked."""
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
        """Close the file, which releases the lock unless a child inherited it. Idempotent."""
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
    """Hold the lock on `path`. Waits up to `within` seconds without blocking the event loop.

    Raises:
        EmbeddedPostgresError: another process has held the lock the whole time.
    """
    with FileLock(path) as lock:
        if not await wait_until(lock.take, within):
            raise EmbeddedPostgresError(
                f"Another process has been starting or stopping PostgreSQL for over {within:.0f} s "
                f"(it holds {path}): wait for it, or end it."
            )
        yield
