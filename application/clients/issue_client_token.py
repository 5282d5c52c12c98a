"""Issue a token for a machine client."""

from dataclasses import dataclass, field

from application.clients.client_attempts import ClientAttempts
from application.errors import InvalidClient, InvalidScope, Unavailable
from application.ports.accounts import AccessToken, ClientGrant, TokenIssuer
from application.ports.clients import Clients, ClientSecrets
from application.ports.system import Clock, IdGenerator
from domain.client import MachineClient
from domain.ids import ClientId
from domain.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The id and the secret from a token request, the scopes in it, and the client's IP address.

    `scopes` are the requested scopes, which may be unknown, or None for all of the client's.
    """

    client_id: ClientId
    secret: str = field(repr=False)
    scopes: frozenset[str] | None
    address: str


@dataclass(frozen=True, slots=True)
class ClientToken:
    """An access token of a machine client and its scopes."""

    access: AccessToken
    scopes: frozenset[Scope]


class IssueClientToken:
    """Exchange a client's id and secret for an access token (RFC 6749, section 4.4).

    An unknown client, a revoked client and a wrong secret all lead to the same error after the same
    work. There is no refresh token, because the secret serves the same purpose (section 4.4.3).

    Raises:
        InvalidClient: the client doesn't exist or is revoked, or the secret is wrong.
        InvalidScope: the client doesn't have one of the requested scopes.
        RateLimited: there were too many failed attempts. In this case even the correct secret isn't
            accepted.
        Unavailable: the storage is unreachable. The attempt isn't counted.
    """

    def __init__(
        self,
        clients: Clients,
        secrets: ClientSecrets,
        attempts: ClientAttempts,
        tokens: TokenIssuer,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._clients = clients
        self._secrets = secrets
        self._attempts = attempts
        self._tokens = tokens
        self._clock = clock
        self._ids = ids

    async def __call__(self, credentials: ClientCredentials) -> ClientToken:
        """Check the credentials and issue a token."""
        client_id, address = credentials.client_id, credentials.address
        await self._attempts.begin(client_id, address)
        try:
            client = await self._verified(credentials)
        except Unavailable:
            await self._attempts.abandon(client_id, address)
            raise
        await self._attempts.succeed(client_id, address)
        scopes = _granted(client, credentials.scopes)
        now = self._clock.now()
        grant = ClientGrant(client.id, scopes)
        return ClientToken(self._tokens.issue_to_client(grant, self._ids.new(now), now), scopes)

    async def _verified(self, credentials: ClientCredentials) -> MachineClient:
        login = await self._clients.login(credentials.client_id)
        right = self._secrets.verify(login.secret_hash if login else None, credentials.secret)
        if right and login is not None and login.client.revoked_at is None:
            return login.client
        self._attempts.fail(login.client.id if login else None, credentials.address)
        raise InvalidClient


def _granted(client: MachineClient, requested: frozenset[str] | None) -> frozenset[Scope]:
    if requested is None:
        return client.scopes
    if not requested or requested - client.scopes:
        names = " ".join(sorted(client.scopes))
        raise InvalidScope(f"The client has these scopes: {names}.")
    return client.scopes & requested
