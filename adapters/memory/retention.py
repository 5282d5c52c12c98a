"""Expired data of a storage in memory."""

from datetime import datetime


class MemoryRetentionStore:
    """`RetentionStore` in memory, which purges nothing: the data end with their process."""

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - the port's
        """Delete no dead letter."""
        return 0

    async def purge_payloads(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - the port's
        """Delete no payload."""
        return 0
