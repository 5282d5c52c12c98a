"""Accounts, their passwords and their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.account import User
from domain.actor import Role
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address: the form that is stored, and every spelling that an account may have.

    A domain and its `xn--` form are one address. Accounts of older releases are stored in the form
    that they were written in, so they are looked up under all `spellings`, the likeliest first.
    """

    stored: str
    spellings: tuple[str, ...]

    @property
    def older(self) -> tuple[str, ...]:
        """The spellings that no new account is stored under."""
        return tuple(each for each in self.spellings if each != self.stored)


class EmailAddresses(Protocol):
    """The rules of e-mail addresses. Two spellings of one address have one stored form."""

    def parse(self, value: object) -> EmailAddress:
        """Parse a new account's address.

        Raises:
            Invalid: it is not an address.
        """

    def of(self, text: str) -> EmailAddress:
        """Return the address that `text` may be stored under, whether it is valid or not."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account and the hash that its password must match."""

    user: User
    password_hash: str


class Accounts(Protocol):
    """The accounts, by identity and by the stored form of their address.

    A method that takes several spellings of an address finds the account of the first one that
    has any.
    """

    async def add(self, user: User, password_hash: str, *older_spellings: str) -> None:
        """Store a new account; return when it is durable.

        Raises:
            EmailTaken: there is an account with this address, or with one of its older spellings.
        """

    async def login(self, *spellings: str) -> Login | None:
        """The account with this address, or None."""

    async def find(self, user_id: UserId) -> User | None:
        """The account, or None."""

    async def update(
        self,
        *spellings: str,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> User | None:
        """Change what is given; the account as it is then, or None where there is none."""


class AccountDirectory(Protocol):
    """All accounts, for an operator."""

    async def page(self, limit: int, after: UserId | None = None) -> Sequence[User]:
        """Return at most `limit` accounts in the order of their ids, those behind `after`."""


class PasswordStore(Protocol):
    """Replacing the hash of a password."""

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Replace `old_hash`, unless another has replaced it meanwhile."""


class AccountCache(Protocol):
    """Accounts as they stood at most a second ago, for what every request asks."""

    async def get(self, user_id: UserId) -> User | None:
        """The account, or None. While the storage is out of reach: as it was last known.

        Raises:
            Unavailable: the storage is out of reach, and the account was never read.
        """


class PasswordHasher(Protocol):
    """argon2id, off the event loop, boundedly many at once."""

    async def hash(self, password: str) -> str:
        """A hash to store."""

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; None (no such account) takes as long as a wrong one."""

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a verified access token says: whose it is, and what revoking it will need."""

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
    """Makes tokens."""

    def issue(self, user_id: UserId, token_id: UUID, family: UUID, now: datetime) -> AccessToken:
        """A token that proves who its bearer is, until it expires."""


class TokenVerifier(Protocol):
    """Reads tokens."""

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """What the token says.

        Raises:
            TokenExpired: it was valid until its end.
            NotAuthenticated: forged, not valid yet, or no access token of this service.
        """
