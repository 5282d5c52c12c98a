"""Purge expired data, which is never necessary in memory."""

from datetime import datetime


class MemoryRetentionStore:
    """A `RetentionStore` that never purges anything, because the data ends with the process."""

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0

    async def purge_payloads(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0

    async def purge_inbox(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0

    async def purge_idempotency_keys(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0

    async def purge_sessions(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0

    async def purge_access_changes(self, before: datetime, limit: int) -> int:  # noqa: ARG002 - from the port
        """Do nothing and return 0."""
        return 0
