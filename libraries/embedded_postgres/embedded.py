"""The embedded PostgreSQL, for its users."""

from contextlib import suppress
from types import TracebackType
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError
from libraries.embedded_postgres.file_lock import FileLock, exclusively
from libraries.embedded_postgres.layout import Layout
from libraries.embedded_postgres.server import EmbeddedServer
from libraries.embedded_postgres.sockets import url_of

#: More than the longest start and stop.
_TURN_SECONDS: Final = 90.0


class EmbeddedPostgres:
    """A real PostgreSQL for one machine; its first user starts it, and its last one stops it.

    Any number of objects, in any number of processes, share the server; each is one user at a
    time. A user holds a shared lock, so that a killed process is not counted.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._server = EmbeddedServer(layout)
        self._use: FileLock | None = None

    async def __aenter__(self) -> str:
        """Start the server if it does not run; return its SQLAlchemy URL.

        Raises:
            EmbeddedPostgresError: the server cannot be used; the message has the reason.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            use = FileLock(self._layout.lock("users"))
            use.share()
            try:
                await self._server.ensure_running()
            except EmbeddedPostgresError:
                use.close()  # a slow recovery goes on; the next start adopts the server
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
        """Start the server again, at the same URL, if it has died; a live server is left alone.

        Raises:
            EmbeddedPostgresError: the server does not start.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            await self._server.ensure_running()

    async def _leave(self, use: FileLock) -> None:
        with use:
            if use.take():  # no other user
                await self._server.stop()
