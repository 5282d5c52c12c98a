"""Sessions, each of which begins with a login and lives as long as its refresh tokens."""

from dataclasses import dataclass
from datetime import datetime

from domain.ids import SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login of an account. `id` is also the family of its tokens.

    `address` and `user_agent` describe the client that used it last. `expires_at` is when its
    refresh token expires, and `tokens_expire_at` is when its last access token does.
    """

    id: SessionId
    user_id: UserId
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    tokens_expire_at: datetime
    address: str
    user_agent: str
