"""List machine clients."""

from collections.abc import Sequence

from application.ports.clients import ClientDirectory
from domain.client import MachineClient
from domain.ids import ClientId


class ListClients:
    """List machine clients page by page, oldest first, including revoked ones."""

    def __init__(self, directory: ClientDirectory) -> None:
        self._directory = directory

    async def __call__(self, limit: int, after: ClientId | None = None) -> Sequence[MachineClient]:
        """Return at most `limit` clients. Start after the client `after` if it's given."""
        return await self._directory.page(limit, after)
