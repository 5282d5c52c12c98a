"""Revoke a machine client."""

from application.errors import NoSuchClient
from application.ports.clients import Clients
from application.ports.system import Clock
from domain.client import MachineClient, parse_client_id


class RevokeClient:
    """Revoke a machine client. Its secret stops working, and so do its tokens within 2 s.

    Raises:
        NoSuchClient: there is no client with this id, or no unrevoked one with this name.
    """

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def __call__(self, id_or_name: str) -> MachineClient:
        """Revoke the client and return it."""
        client_id = parse_client_id(id_or_name)
        if client_id is None:
            named = await self._clients.named(id_or_name)
            client_id = named.id if named else None
        client = await self._clients.revoke(client_id, self._clock.now()) if client_id else None
        if client is None:
            raise NoSuchClient
        return client
