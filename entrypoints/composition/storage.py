"""The storage lifecycle, which a process calls before and after it uses the adapters."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path


class StorageLifecycle(ABC):
    """Opens, migrates, checks and closes the storage of one process.

    A storage provider provides a lifecycle along with its adapters. The process calls `open`, then
    `migrate` or `schema_problem`, and finally `close`, after the adapters have been closed.
    """

    #: Whether only one process at a time can serve with the storage. If so, work that an earlier
    #: process left unfinished is not in progress anywhere.
    is_exclusive: bool = False

    #: Checks the storage's own server and restarts it if it has died. Called twice a second. None
    #: if the storage does not have its own server.
    watch: Callable[[], Awaitable[None]] | None = None

    @property
    @abstractmethod
    def summary(self) -> Mapping[str, str]:
        """How the startup log line describes the storage, without addresses and passwords."""

    @property
    def data_dir(self) -> Path | None:
        """The folder on this machine that contains the data, or None.

        Raises:
            CannotStart: the folder cannot be found.
        """
        return None

    def serve_lock(self) -> AbstractContextManager[None]:
        """Return a lock on the storage for one `orders serve`, if only one may run at a time.

        Raises:
            CannotStart: on entering, if another one is already running.
        """
        return nullcontext()

    @abstractmethod
    async def open(self, *, may_create: bool) -> None:
        """Connect to the storage, and start its server if it has its own.

        With `may_create`, a storage that does not exist yet is created.

        Raises:
            CannotStart: the storage cannot be reached or started.
            Misconfigured: the storage does not exist, or permanently refuses the process.
        """

    async def migrate(self) -> bool:
        """Migrate the schema to its newest revision. Return whether anything changed.

        Raises:
            Misconfigured: the schema belongs to another program, or the storage is not suitable.
        """
        return False

    async def schema_problem(self) -> str | None:
        """Return why this release cannot use the schema, as one sentence, or None if it can."""
        return None

    async def close(self) -> None:  # noqa: B027 - an in-memory storage does not need it
        """Close the storage. This does nothing if it was not opened."""
