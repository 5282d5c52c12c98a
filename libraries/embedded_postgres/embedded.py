"""The embedded PostgreSQL as its users see it."""

from contextlib import suppress
from types import TracebackType
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError
from libraries.embedded_postgres.file_lock import FileLock, exclusively
from libraries.embedded_postgres.layout import Layout
from libraries.embedded_postgres.server import EmbeddedServer
from libraries.embedded_postgres.sockets import url_of

_TURN_SECONDS: Final = 90.0  # above the longest start and stop


class EmbeddedPostgres:
    """A real PostgreSQL for one machine, under DATA_DIR; started by its first user, stopped by
    its last.

    One object is one use at a time; any number of them, in any number of processes, share the
    server. A user is whoever holds a shared lock, so a killed one is not counted.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._server = EmbeddedServer(layout)
        self._use: FileLock | None = None

    async def __aenter__(self) -> str:
        """Begin to use the server.

        Returns:
            Its SQLAlchemy URL, `postgresql+asyncpg://…`.

        Raises:
            EmbeddedPostgresError: there is no using it; the sentence says why.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            use = FileLock(self._layout.lock("users"))
            use.share()
            try:
                await self._server.ensure_running()
            except EmbeddedPostgresError:
                use.close()  # what is slow to recover goes on: the next start adopts it
                raise
            except BaseException:
                with suppress(EmbeddedPostgresError):
                    await self._leave(use)
                raise
        self._use = use
        return url_of(self._layout.sockets)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the use; the last user stops the server.

        Raises:
            EmbeddedPostgresError: the server does not stop.
        """
        use, self._use = self._use, None
        if use is not None:
            with use:
                async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
                    await self._leave(use)

    async def revive(self) -> None:
        """Start the server again, at the same URL, where it died under its users.

        For whoever finds it out of reach while using it; of one that lives nothing changes.

        Raises:
            EmbeddedPostgresError: it does not come back.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            await self._server.ensure_running()

    async def _leave(self, use: FileLock) -> None:
        with use:
            if use.take():  # nobody else shares it
                await self._server.stop()
