"""Expired data."""

from datetime import datetime
from typing import Protocol


class RetentionStore(Protocol):
    """Data that may be purged.

    Facts stay: the id, version and time of every published event. So does everything that waits for
    its publication, its replay or its processing.
    """

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` dead letters that were replayed before; return their number.

        A dead letter is deleted together with its events, after all of these were published.
        """

    async def purge_payloads(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` payloads of events published before; return their number.

        The payloads of an order that was not processed before then stay.
        """

    async def purge_inbox(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` inbox rows that were added before; return their number.

        The rows of the processing of orders stay, as long as their orders.
        """
