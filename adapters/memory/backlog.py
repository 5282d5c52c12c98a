"""Orders that wait for their processing."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from adapters.memory.storage import MemoryStorage
from domain.ids import OrderId


class MemoryBacklog:
    """Orders whose processing was announced and has not been recorded, longest waiting first."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._waiting = storage.backlog
        self._letters = storage.dead_letters

    async def claim(
        self, announced_before: datetime, now: datetime, limit: int
    ) -> Sequence[OrderId]:
        """At most `limit` orders that nobody was handed at `announced_before` or since."""
        forgotten = (
            order_id
            for order_id, at in self._waiting.items()
            if at < announced_before and not self._letters.holds(order_id)
        )
        claimed = list(islice(forgotten, limit))
        for order_id in claimed:
            del self._waiting[order_id]  # to stand at the end again
            self._waiting[order_id] = now
        return claimed
