"""Purging of expired data."""

from datetime import datetime
from typing import Protocol


class RetentionStore(Protocol):
    """Deletes data that is no longer needed.

    The facts about published events (their id, version and time) are never deleted, and neither is
    anything that is still waiting to be published, replayed or processed. All methods return the
    number of deleted items.
    """

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` dead letters that were replayed before the given time.

        A dead letter is deleted together with its events once all of them have been published.
        """

    async def purge_payloads(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` payloads of events that were published before the given time.

        Payloads are kept if their order had not been processed by then.
        """

    async def purge_inbox(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` inbox rows that were added before the given time.

        Rows for processed orders are kept for as long as the orders themselves.
        """

    async def purge_idempotency_keys(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` records of idempotency keys that were stored before then."""

    async def purge_sessions(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` sessions all of whose tokens had expired before then."""

    async def purge_access_changes(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` changes of the feed that were obsolete before then."""
