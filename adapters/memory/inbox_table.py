"""The table of processed messages."""

from asyncio import Event
from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

#: A consumer and the id of a message.
Key: TypeAlias = tuple[str, UUID]


class ProcessedMessagesTable:
    """A unique index: a transaction that adds a key waits for any other that has added it."""

    def __init__(self) -> None:
        self._recorded: set[Key] = set()
        self._under_way: dict[Key, Event] = {}

    async def add(self, key: Key, transaction_ended: Event) -> bool:
        """Hold a key until the transaction ends; return False if it was recorded."""
        while (other := self._under_way.get(key)) not in {None, transaction_ended}:
            await other.wait()
        if key in self._recorded or key in self._under_way:
            return False
        self._under_way[key] = transaction_ended
        return True

    def commit(self, keys: Iterable[Key]) -> None:
        """Record keys."""
        self._recorded.update(keys)

    def release(self, keys: Iterable[Key]) -> None:
        """Hold keys no longer, recorded or not."""
        for key in keys:
            del self._under_way[key]
