"""Accounts, their passwords and their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.account import Account
from domain.actor import Role
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address: its stored form, and every spelling that an account may have.

    A domain and its `xn--` form are one address. Older releases stored addresses as they were
    written, so accounts are looked up by all `spellings`, the most likely first.
    """

    stored: str
    spellings: tuple[str, ...]

    @property
    def older(self) -> tuple[str, ...]:
        """The spellings without the stored form. No new account has one of them."""
        return tuple(each for each in self.spellings if each != self.stored)


class EmailAddresses(Protocol):
    """Parses e-mail addresses. Two spellings of one address have one stored form."""

    def parse(self, value: object) -> EmailAddress:
        """Parse the address of a new account.

        Raises:
            Invalid: the value is no address.
        """

    def of(self, text: str) -> EmailAddress:
        """Return the address of an existing account; `text` need not be valid."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account and the hash that its password must match."""

    account: Account
    password_hash: str


class Accounts(Protocol):
    """Stores accounts, and finds them by id or by the stored form of their address.

    A method with several spellings of an address finds the account of the first one that has any.
    """

    async def add(self, account: Account, password_hash: str, *older_spellings: str) -> None:
        """Store a new account; return when it is durable.

        Raises:
            EmailTaken: an account has this address, or one of its older spellings.
        """

    async def login(self, *spellings: str) -> Login | None:
        """Return the account with this address and its hash, or None."""

    async def find(self, user_id: UserId) -> Account | None:
        """Return the account, or None."""

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> Account | None:
        """Change the given values; return the changed account, or None if it does not exist."""


class AccountDirectory(Protocol):
    """Lists accounts, for an operator."""

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[Account]:
        """Return at most `limit` accounts after `after`, in the order of their ids."""


class PasswordStore(Protocol):
    """Replaces hashes of passwords."""

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless it has been replaced by another hash."""


class AccountCache(Protocol):
    """Returns accounts that are at most a second old, for the authentication of requests."""

    async def get(self, user_id: UserId) -> Account | None:
        """Return the account, or None. If the storage is out of reach, it may be older.

        Raises:
            Unavailable: the storage is out of reach, and the account was never read.
        """


class PasswordHasher(Protocol):
    """Hashes passwords by argon2id, outside the event loop, a limited number at once."""

    async def hash(self, password: str) -> str:
        """Return a hash to store."""

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches. Without a hash it takes as long as a mismatch."""

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash was made with weaker parameters than the present ones."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The claims of a verified access token: its account, and its ids for a revocation."""

    user_id: UserId
    token_id: UUID
    family: UUID
    issued_at: datetime
    expires_at: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token (RFC 6750) and its lifetime in seconds."""

    text: str
    expires_in: int


class TokenIssuer(Protocol):
    """Issues access tokens."""

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        """Return a signed token of the account."""


class TokenVerifier(Protocol):
    """Verifies access tokens."""

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Return the claims of a token.

        Raises:
            TokenExpired: the token has expired.
            NotAuthenticated: the token is forged, not valid yet, or no access token of this
                service.
        """
