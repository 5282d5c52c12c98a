"""Locks that hold across the processes of a test run, and across test runs."""

import fcntl
from pathlib import Path
from types import TracebackType
from typing import Self


class FileLock:
    """A lock that the kernel releases when its holder ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
