"""The use cases for machine clients on in-memory adapters."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from adapters.memory.access_state import FollowedAccess
from adapters.memory.authentication_log import MemoryAuthenticationLog
from adapters.memory.limits import MemoryRateLimiter
from adapters.security.client_secrets import RandomClientSecrets
from application.accounts.authenticate import Authenticate
from application.accounts.login_limits import LoginLimits
from application.clients.client_attempts import ClientAttempts
from application.clients.create_client import CreateClient, NewClient
from application.clients.issue_client_token import ClientCredentials, ClientToken, IssueClientToken
from application.clients.list_clients import ListClients
from application.clients.revoke_client import RevokeClient
from application.ports.limits import Limit
from domain.ids import ClientId
from domain.scope import Scope
from tests.support.accounts import PlainTokens
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS
from tests.support.outside_user import outside_users
from tests.support.time import MovableClock

HOME: Final = "192.0.2.1"


class CountedSecrets(RandomClientSecrets):
    """Client secrets that record the digest from every comparison."""

    def __init__(self) -> None:
        self.compared: list[bytes | None] = []

    def verify(self, stored: bytes | None, secret: str) -> bool:
        self.compared.append(stored)
        return super().verify(stored, secret)


@dataclass
class ClientHarness:
    """The use cases and their collaborators."""

    limit: Limit | None = field(default_factory=lambda: Limit("login", 10, 60))
    clock: MovableClock = field(default_factory=MovableClock)
    log: MemoryAuthenticationLog = field(default_factory=MemoryAuthenticationLog)
    secrets: CountedSecrets = field(default_factory=CountedSecrets)
    tokens: PlainTokens = field(default_factory=PlainTokens)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        stored, clients = self.stored, self.stored.clients
        limits = LoginLimits(MemoryRateLimiter(self.clock.monotonic), self.limit)
        self.attempts = ClientAttempts(limits, self.log)
        access = FollowedAccess(
            stored.access_changes, stored.accounts, self.clock, self.clock.monotonic
        )
        self.authenticate = Authenticate(
            self.tokens, outside_users(self.tokens, stored), access, self.clock
        )
        self.create = CreateClient(clients, self.secrets, self.clock, IDS)
        self.list = ListClients(clients)
        self.revoke = RevokeClient(clients, self.clock)
        self.issue = IssueClientToken(
            clients, self.secrets, self.attempts, self.tokens, self.clock, IDS
        )

    async def created(self, name: str = "payments", scopes: Iterable[Scope] = Scope) -> NewClient:
        """Create a client."""
        return await self.create(name, frozenset(scopes))

    async def attempt(
        self,
        client_id: ClientId,
        secret: str,
        scopes: Iterable[str] | None = None,
        address: str = HOME,
    ) -> ClientToken:
        """Request a token."""
        wanted = None if scopes is None else frozenset(scopes)
        return await self.issue(
            ClientCredentials(client_id=client_id, secret=secret, scopes=wanted, address=address)
        )
