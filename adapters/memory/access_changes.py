"""The feed of access changes in memory."""

from asyncio import sleep
from datetime import datetime

from adapters.memory.storage import MemoryStorage
from application.ports.access_changes import AccessChange, FeedPage


class MemoryAccessChanges:
    """`AccessChanges` in memory. A position is the number of changes before it."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._changes = storage.access_changes

    async def add(self, change: AccessChange) -> None:
        """Add a change."""
        self._changes.append(change)

    async def read(self, position: int, now: datetime) -> FeedPage:
        """Return all changes after a position that are not obsolete."""
        await sleep(0)
        behind = enumerate(self._changes[position:], position)
        found = [(number, change) for number, change in behind if change.expires_at > now]
        return FeedPage(found, len(self._changes))
