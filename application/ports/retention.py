"""Purging of expired data."""

from datetime import datetime
from enum import Enum
from typing import Protocol


class Expiring(Enum):
    """A kind of data that is deleted when it has reached a certain age."""

    #: Dead letters, since they were replayed. Their events are deleted with them, once all of them
    #: have been published.
    DEAD_LETTERS = "dead_letters"
    #: Payloads of events, since the event was published and its order was processed.
    PAYLOADS = "payloads"
    #: Inbox rows, except those of processed orders, which are kept as long as the orders.
    INBOX_ROWS = "inbox_rows"
    #: Records of idempotency keys, since they were stored. Those younger than `KEY_LIFETIME` by the
    #: storage's clock are kept, even if the caller's clock is fast.
    IDEMPOTENCY_KEYS = "idempotency_keys"
    #: Sessions, since their last token has expired.
    SESSIONS = "sessions"
    #: Changes of the feed, since the last token that they affect has expired.
    ACCESS_CHANGES = "access_changes"


class RetentionStore(Protocol):
    """Deletes data that is no longer needed.

    The facts about published events (their id, version and time) are never deleted, and neither is
    anything that is still waiting to be published, replayed or processed.
    """

    async def purge(self, kind: Expiring, before: datetime, limit: int) -> int:
        """Delete at most `limit` items that had expired before then. Return how many."""
