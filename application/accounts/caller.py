"""The caller of an authenticated request."""

from dataclasses import dataclass
from uuid import UUID

from application.errors import InsufficientScope
from application.ports.accounts import ClientGrant
from domain.account import Account
from domain.actor import Actor, ActorKind
from domain.ids import SessionId, UserId
from domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """An account or a machine client, as proven by an access token.

    `account` and `session_id` are None for a machine client, and `scopes` is None for an account,
    because its role alone determines what it may do. Tokens from an outside issuer do not have a
    session here, but `outside_token_id`.
    """

    actor: Actor
    account: Account | None = None
    session_id: SessionId | None = None
    scopes: frozenset[Scope] | None = None
    outside_token_id: UUID | None = None

    @classmethod
    def of_account(
        cls, account: Account, session_id: SessionId | None, outside_token_id: UUID | None = None
    ) -> "Caller":
        """Return the caller for an account."""
        actor = Actor.of_role(account.id, account.role)
        return cls(actor, account, session_id, outside_token_id=outside_token_id)

    @classmethod
    def of_client(cls, client: ClientGrant) -> "Caller":
        """Return the caller for a machine client."""
        return cls(Actor(ActorKind.SERVICE, client.client_id), scopes=client.scopes)

    @property
    def user_id(self) -> UserId:
        """The account's id.

        Raises:
            InsufficientScope: the caller is a machine client, which does not have an account.
        """
        if self.account is None:
            raise InsufficientScope
        return self.account.id

    def may_use(self, scope: Scope | None) -> bool:
        """Return whether the caller may use a route for accounts and for clients with `scope`."""
        return self.scopes is None or scope in self.scopes
