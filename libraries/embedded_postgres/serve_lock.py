"""The lock that limits each DATA_DIR to a single `serve`."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from libraries.embedded_postgres.errors import AlreadyServing, EmbeddedPostgresError, explained
from libraries.embedded_postgres.file_lock import FileLock


class ServeLock:
    """Reserves a DATA_DIR for one `serve` until the block or the process ends.

    Raises:
        AlreadyServing: on entry, if another `serve` holds it, whether in this process or another.
        EmbeddedPostgresError: on entry, if the lock file cannot be opened or written.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        lock = FileLock(self._data_dir / "serve.lock")
        if not lock.take():
            holder = os.pread(lock.descriptor, 20, 0).decode("ascii", "replace")
            lock.close()
            raise AlreadyServing(
                f"Another serve (process {holder or 'unknown'}) is running on {self._data_dir}: "
                "stop it, or set DATA_DIR to another folder."
            )
        try:
            with explained(f"write {self._data_dir / 'serve.lock'}"):
                os.ftruncate(lock.descriptor, 0)
                os.pwrite(lock.descriptor, str(os.getpid()).encode(), 0)
        except EmbeddedPostgresError:
            lock.close()
            raise
        self._lock = lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.close()
