"""Orders kept close to the reader."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState
from domain.ids import OrderId

BOUND: Final = 10_000


@dataclass(slots=True)
class _Entry:
    document: OrderDocument
    expires_at: float


class MemoryOrderCache:
    """The orders that were asked for last, each for `ttl` seconds.

    What has expired is not shown, but still known until its place is needed, so that a slow
    reader cannot put an older revision behind its back.
    """

    asks_storage = False

    def __init__(
        self, ttl: float, bound: int = BOUND, clock: Callable[[], float] = monotonic
    ) -> None:
        self._ttl = ttl
        self._bound = bound
        self._clock = clock
        self._entries: OrderedDict[OrderId, _Entry] = OrderedDict()

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """The cached order."""
        entry = self._entries.get(order_id)
        if entry is None or entry.expires_at <= self._clock():
            return CacheAnswer(CacheState.MISS)
        self._entries.move_to_end(order_id)
        return CacheAnswer(CacheState.HIT, entry.document)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Keep the order unless a newer revision is known; this cache is always in reach."""
        self.offer(order_id, document)
        return True

    async def invalidate_all(self) -> bool:
        """Forget every entry."""
        self._entries.clear()
        return True

    def offer(self, order_id: OrderId, document: OrderDocument) -> None:
        """The same, as far as this cache is concerned."""
        known = self._entries.get(order_id)
        if known is None or known.document.revision <= document.revision:
            self._entries[order_id] = _Entry(document, self._clock() + self._ttl)
            self._entries.move_to_end(order_id)
            if len(self._entries) > self._bound:
                self._entries.popitem(last=False)
