"""Data that has served its time."""

from datetime import datetime
from typing import Protocol


class RetentionStore(Protocol):
    """Data that may be purged.

    Facts stay: which event, of which version, was published when. So does everything that an
    operator may still need: what waits for its publication, its replay or its processing.
    """

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` dead letters that were put back before; return how many.

        A letter goes together with its events, and only when all of these were published.
        """

    async def purge_payloads(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` payloads of events published before; return how many.

        Never one of an order that was not processed before then, too.
        """
