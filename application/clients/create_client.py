"""Create a machine client."""

from dataclasses import dataclass, field

from application.ports.clients import Clients, ClientSecrets
from application.ports.system import Clock, IdGenerator
from domain.client import MachineClient
from domain.ids import ClientId
from domain.scope import Scope


@dataclass(frozen=True, slots=True)
class NewClient:
    """A new machine client and its secret, which can't be read again later."""

    client: MachineClient
    secret: str = field(repr=False)


class CreateClient:
    """Create a machine client with a random secret.

    Raises:
        ClientNameTaken: there is already a client with this name that has not been revoked.
    """

    def __init__(
        self, clients: Clients, secrets: ClientSecrets, clock: Clock, ids: IdGenerator
    ) -> None:
        self._clients = clients
        self._secrets = secrets
        self._clock = clock
        self._ids = ids

    async def __call__(self, name: str, scopes: frozenset[Scope]) -> NewClient:
        """Create the client and return it with its secret."""
        now = self._clock.now()
        client = MachineClient(
            id=ClientId(self._ids.new(now)), name=name, scopes=scopes, created_at=now
        )
        secret = self._secrets.new()
        await self._clients.add(client, self._secrets.hash(secret))
        return NewClient(client, secret)
