"""Purge expired data, which is never necessary in memory."""

from datetime import datetime

from application.ports.retention import Expiring


class MemoryRetentionStore:
    """A `RetentionStore` that never purges anything, because the data ends with the process."""

    async def purge(self, kind: Expiring, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0
