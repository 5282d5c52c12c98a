"""Locks that are shared by all processes in a test run, and by different test runs."""

import fcntl
from pathlib import Path
from types import TracebackType
from typing import Self


class FileLock:
    """A lock that the kernel releases when the holding process ends."""

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
