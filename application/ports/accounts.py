"""Accounts, their passwords and their tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.sessions import Session
from domain.account import Account
from domain.actor import Role
from domain.ids import ClientId, UserId
from domain.scope import Scope


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address in its stored form, and all spellings under which it may be stored.

    A domain and its `xn--` form are the same address. Older releases stored addresses the way they
    were entered, so accounts are looked up by all `spellings`, starting with the most likely one.
    """

    stored: str = field(repr=False)
    spellings: tuple[str, ...] = field(repr=False)

    @property
    def older(self) -> tuple[str, ...]:
        """The spellings other than the stored form. New accounts are never stored under them."""
        return tuple(each for each in self.spellings if each != self.stored)


class EmailAddresses(Protocol):
    """Parses e-mail addresses. All spellings of an address have the same stored form."""

    def parse(self, value: object) -> EmailAddress:
        """Parse the address for a new account.

        Raises:
            Invalid: the value is not an e-mail address.
        """

    def of(self, text: str) -> EmailAddress:
        """Return the address of an existing account. `text` does not have to be valid."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account and its password hash."""

    account: Account
    password_hash: str = field(repr=False)


class Accounts(Protocol):
    """Stores accounts and finds them by id or by the stored form of their address.

    Methods that accept several spellings try them in order and use the first account they find.
    """

    async def add(self, account: Account, password_hash: str, *older_spellings: str) -> None:
        """Store a new account. It's durable on return.

        Raises:
            EmailTaken: there is already an account with this address or one of its older spellings.
        """

    async def login(self, *spellings: str) -> Login | None:
        """Return the account with this address and its password hash, or None."""

    async def find(self, user_id: UserId) -> Account | None:
        """Return the account, or None if it does not exist."""

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> Account | None:
        """Change the given values. Return the updated account, or None if it doesn't exist.

        A new password ends all sessions and outside tokens of the account, in the same transaction.
        """


class AccountDirectory(Protocol):
    """Lists accounts for operators."""

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts after `after`, sorted by id."""


class PasswordStore(Protocol):
    """Replaces password hashes."""

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless another hash has already replaced it."""

    async def change(
        self, user_id: UserId, old_hash: str, new_hash: str, kept: UUID | None
    ) -> Sequence[Session] | None:
        """Replace `old_hash`, end all sessions of the account except `kept`, and return them.

        All outside tokens of the account end too. `kept` is the id of a session or of an outside
        token, which does not end.

        Return None without changing anything if another hash has already replaced it, or if the
        account is disabled. A session that a concurrent login begins with the old password either
        is ended too, or isn't stored at all (see `Sessions.begin`).
        """


class PasswordHasher(Protocol):
    """Hashes passwords with argon2id, outside the event loop and with limited concurrency."""

    async def hash(self, password: str) -> str:
        """Return a hash that can be stored.

        Raises:
            TooManyPasswords: too many calls are already waiting.
        """

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches.

        If `stored` is None, this takes as long as it does for a wrong password.

        Raises:
            TooManyPasswords: too many calls are already waiting.
        """

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash uses weaker parameters than the current ones."""

    def unusable(self) -> str:
        """Return a string that can be stored as a hash and that no password matches.

        Verifying a password against it takes as long as for any other hash.
        """


class CommonPasswords(Protocol):
    """Knows the most common passwords."""

    def contains(self, folded: str) -> bool:
        """Return whether a password in NFC and after case folding is common."""


@dataclass(frozen=True, slots=True)
class ClientGrant:
    """A machine client and the scopes of its access token."""

    client_id: ClientId
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """A verified access token's claims, which include the ids needed for revoking it.

    `client` is None unless the token belongs to a machine client. In that case, `user_id` is not
    the id of an account, and `family` is the client's id. If the token comes from the outside
    issuer, it does not have a session, and `family` is its own id.
    """

    user_id: UserId
    token_id: UUID
    family: UUID
    issued_at: datetime
    expires_at: datetime
    not_before: datetime | None = None
    client: ClientGrant | None = None
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token (RFC 6750) and its lifetime in seconds."""

    text: str = field(repr=False)
    expires_in: int


class TokenIssuer(Protocol):
    """Issues access tokens."""

    @property
    def lifetime(self) -> int:
        """The lifetime of every token in seconds."""

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        """Return a signed token for the account."""

    def issue_to_client(self, grant: ClientGrant, token_id: UUID, now: datetime) -> AccessToken:
        """Return a signed token for the machine client. Its family is the client's id."""


class PublishedKeys(Protocol):
    """The public keys with which others can verify access tokens of this service."""

    @property
    def jwks(self) -> Sequence[Mapping[str, str]]:
        """The keys as JSON Web Keys (RFC 7517). There are none if tokens are signed with HMAC."""


class TokenVerifier(Protocol):
    """Verifies access tokens of this service."""

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Return a token's claims.

        Raises:
            TokenExpired: the token has expired.
            NotAuthenticated: the token is forged, not valid yet, not an access token for this
                service, or from another issuer and not remembered.
        """

    def remember(self, token: str, claims: AccessClaims) -> None:
        """Let `verify` return these claims for a token until it expires.

        They may be forgotten earlier. This is for tokens that were verified elsewhere.
        """
