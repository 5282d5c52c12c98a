"""Machine clients and their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.client import MachineClient
from domain.ids import ClientId


@dataclass(frozen=True, slots=True)
class ClientLogin:
    """A machine client and the digest of its secret."""

    client: MachineClient
    secret_hash: bytes = field(repr=False)


class Clients(Protocol):
    """Stores machine clients. All changes are durable on return."""

    async def add(self, client: MachineClient, secret_hash: bytes) -> None:
        """Store a new client.

        Raises:
            ClientNameTaken: there is already a client with this name that has not been revoked.
        """

    async def login(self, client_id: ClientId) -> ClientLogin | None:
        """Return the client and the digest of its secret, even if it is revoked, or None."""

    async def named(self, name: str) -> MachineClient | None:
        """Return the client with this name that has not been revoked, or None."""

    async def revoke(self, client_id: ClientId, now: datetime) -> MachineClient | None:
        """Revoke a client and return it, or None if it doesn't exist.

        The revocation is added to the feed (`AccessChanges`) in the same transaction. A client that
        is already revoked does not change.
        """


class ClientDirectory(Protocol):
    """Lists machine clients for operators."""

    async def page(self, limit: int, after: ClientId | None = None) -> Sequence[MachineClient]:
        """Return at most `limit` clients after `after`, sorted by id, including revoked ones."""


class ClientSecrets(Protocol):
    """Makes and compares client secrets, which are opaque random texts."""

    def new(self) -> str:
        """Return a new secret."""

    def hash(self, secret: str) -> bytes:
        """Return the digest that is stored instead of the secret."""

    def verify(self, stored: bytes | None, secret: str) -> bool:
        """Return whether a secret has this digest, in constant time.

        If `stored` is None, this does the same work as for a wrong secret.
        """
