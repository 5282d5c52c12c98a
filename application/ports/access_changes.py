"""The feed of changes that end or change an access, which every process follows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


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
