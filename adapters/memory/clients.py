"""Store machine clients in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.storage import MemoryStorage
from application.ports.clients import ClientLogin
from domain.client import MachineClient
from domain.errors import ClientNameTaken
from domain.ids import ClientId


class MemoryClients:
    """`Clients` and `ClientDirectory` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._clients = storage.clients

    async def add(self, client: MachineClient, secret_hash: bytes) -> None:
        """Store a new client.

        Raises:
            ClientNameTaken: there is already a client with this name that has not been revoked.
        """
        if await self.named(client.name) is not None:
            raise ClientNameTaken
        self._clients[client.id] = ClientLogin(client, secret_hash)

    async def login(self, client_id: ClientId) -> ClientLogin | None:
        """Return the client and the digest of its secret, even if it is revoked, or None."""
        return self._clients.get(client_id)

    async def named(self, name: str) -> MachineClient | None:
        """Return the client with this name that has not been revoked, or None."""
        clients = (each.client for each in self._clients.values())
        return next((each for each in clients if each.name == name and not each.revoked_at), None)

    async def page(self, limit: int, after: ClientId | None = None) -> Sequence[MachineClient]:
        """Return at most `limit` clients after `after`, sorted by id, including revoked ones."""
        behind = sorted(each for each in self._clients if after is None or each > after)
        return [self._clients[client_id].client for client_id in behind[:limit]]

    async def revoke(self, client_id: ClientId, now: datetime) -> MachineClient | None:
        """Revoke a client and return it, or None if it doesn't exist."""
        login = self._clients.get(client_id)
        if login is None or login.client.revoked_at:
            return login.client if login else None
        revoked = replace(login.client, revoked_at=now)
        self._clients[client_id] = replace(login, client=revoked)
        self._storage.note_client_change(client_id)
        return revoked
