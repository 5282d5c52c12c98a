"""The feed of changes that end or change an access, which every process follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.ports.accounts import AccessClaims
from domain.account import Account


class AccessChangeKind(StrEnum):
    """What has changed: an account, or the validity of tokens."""

    ACCOUNT = "account"  # its role, its address, or whether it is disabled
    SESSION = "session"  # it has ended
    TOKEN = "token"  # noqa: S105 - one access token has been revoked
    CLIENT = "client"  # it has been revoked


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A row of the feed. It is obsolete when the last affected token expires at `expires_at`."""

    kind: AccessChangeKind
    subject: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes with their ids, and the position to continue at.

    Positions only ever rise, unless the storage has been replaced.
    """

    changes: Sequence[tuple[int, AccessChange]]
    position: int


class AccessChanges(Protocol):
    """The feed. It is append-only, and other adapters add to it when they change an access."""

    async def add(self, change: AccessChange) -> None:
        """Add a change. It's durable on return."""

    async def read(self, position: int, now: datetime) -> FeedPage:
        """Return all changes after a position that are not obsolete.

        A change is returned once its transaction has been committed, even if that takes longer than
        for later ones, so a page can repeat changes. The feed starts at position 0.
        """


class AccessState(Protocol):
    """This process's view of accounts and revoked tokens, which is at most 2 s old.

    If the feed is unreachable, the view is used until it is 5 s old.
    """

    async def account_of(self, claims: AccessClaims) -> Account | None:
        """Return a token's account, or None if it doesn't exist or the token has been revoked.

        Raises:
            Unavailable: the feed has been unreachable for 5 s, or the account for its first read.
        """

    async def is_revoked(self, claims: AccessClaims) -> bool:
        """Return whether a token, its session or its client has been revoked.

        Raises:
            Unavailable: the feed has been unreachable for 5 s.
        """

    def apply(self, change: AccessChange) -> None:
        """Apply a change that this process has made, without waiting for the feed."""
