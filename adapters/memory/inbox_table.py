"""The table for processed messages."""

from asyncio import Event
from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

#: A consumer and a message id.
Key: TypeAlias = tuple[str, UUID]


class ProcessedMessagesTable:
    """A unique index. To add a key, a transaction waits for others that have added the same key."""

    def __init__(self) -> None:
        self._recorded: set[Key] = set()
        self._under_way: dict[Key, Event] = {}

    async def add(self, key: Key, transaction_ended: Event) -> bool:
        """Lock a key until the transaction ends. Return False if it's already recorded."""
        while (other := self._under_way.get(key)) not in {None, transaction_ended}:
            await other.wait()
        if key in self._recorded or key in self._under_way:
            return False
        self._under_way[key] = transaction_ended
        return True

    def has_recorded(self, key: Key) -> bool:
        """Return whether a key is recorded."""
        return key in self._recorded

    def commit(self, keys: Iterable[Key]) -> None:
        """Record keys."""
        self._recorded.update(keys)

    def release(self, keys: Iterable[Key]) -> None:
        """Unlock keys, whether they have been recorded or not."""
        for key in keys:
            del self._under_way[key]
