"""The public interface of the embedded PostgreSQL."""

from contextlib import suppress
from types import TracebackType
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError
from libraries.embedded_postgres.file_lock import FileLock, exclusively
from libraries.embedded_postgres.layout import Layout
from libraries.embedded_postgres.server import EmbeddedServer
from libraries.embedded_postgres.sockets import url_of

#: Longer than any start or stop takes.
_TURN_SECONDS: Final = 90.0


class EmbeddedPostgres:
    """A real PostgreSQL for one machine. The first user starts it, and the last one stops it.

    The server can be shared by any number of these objects in any number of processes. Each object
    is one user at a time. Users hold a shared lock, so a killed process doesn't count as one.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._server = EmbeddedServer(layout)
        self._use: FileLock | None = None

    async def __aenter__(self) -> str:
        """Start the server if it is not already running, and return its SQLAlchemy URL.

        Raises:
            EmbeddedPostgresError: the server cannot be used. The message contains the reason.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            use = FileLock(self._layout.lock("users"))
            use.share()
            try:
                await self._server.ensure_running()
            except EmbeddedPostgresError:
                use.close()  # a slow recovery continues, and the next start adopts the server
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
        """Stop using the server, and stop it if this was the last user.

        Raises:
            EmbeddedPostgresError: the server does not stop.
        """
        use, self._use = self._use, None
        if use is not None:
            with use:
                async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
                    await self._leave(use)

    async def revive(self) -> None:
        """Restart the server, with the same URL, if it has died.

        Raises:
            EmbeddedPostgresError: the server does not start.
        """
        async with exclusively(self._layout.lock("control"), _TURN_SECONDS):
            await self._server.ensure_running()

    async def _leave(self, use: FileLock) -> None:
        with use:
            if use.take():  # there are no other users
                await self._server.stop()
