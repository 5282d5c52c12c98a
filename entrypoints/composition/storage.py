"""The lifecycle of a storage: the calls of a process around the use of its adapters."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path


class StorageLifecycle(ABC):
    """Opens, migrates, checks and closes the storage of one process.

    A storage provider provides one beside its adapters. The process calls `open`, then `migrate` or
    `schema_problem`, and `close` at the end, after the adapters are closed.
    """

    #: Whether one process at a time uses the storage to serve. Then nothing that an earlier process
    #: left behind is still in progress.
    is_exclusive: bool = False

    #: Checks the storage's own server and starts it again if it has died; called twice a second.
    #: None if the storage has no server of its own.
    watch: Callable[[], Awaitable[None]] | None = None

    @property
    @abstractmethod
    def summary(self) -> Mapping[str, str]:
        """The storage in the log line of a process's start; no address, and no password."""

    @property
    def data_dir(self) -> Path | None:
        """The folder of the stored data on this machine, or None.

        Raises:
            CannotStart: the folder cannot be found.
        """
        return None

    def serve_lock(self) -> AbstractContextManager[None]:
        """Hold the storage for one `orders serve`, if it allows only one.

        Raises:
            CannotStart: on entering, another one is running.
        """
        return nullcontext()

    @abstractmethod
    async def open(self, *, may_create: bool) -> None:
        """Connect to the storage, and start its server if it has its own.

        `may_create` allows a process to make a storage that does not exist yet.

        Raises:
            CannotStart: the storage cannot be reached or started.
            Misconfigured: the storage does not exist, or refuses the process for good.
        """

    async def migrate(self) -> bool:
        """Bring the schema to its newest revision; return whether anything changed.

        Raises:
            Misconfigured: another program made the schema, or the storage cannot hold ours.
        """
        return False

    async def schema_problem(self) -> str | None:
        """Return why this release cannot use the schema, in one sentence; None if it can."""
        return None

    async def close(self) -> None:  # noqa: B027 - a storage in memory has nothing to close
        """Close the storage; one that was not opened stays closed."""
