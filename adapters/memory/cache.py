"""An order cache within the process."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Final

from application.documents import OrderDocument
from application.ports.orders import CacheAnswer, CacheState
from domain.actor import Actor
from domain.ids import OrderId

BOUND_ENTRIES: Final = 10_000
#: The maximum size of all entries together, including overhead.
BOUND_BYTES: Final = 64 * 1024 * 1024
#: The size of an entry without its body: its key, the document and its share of the tables.
ENTRY_OVERHEAD_BYTES: Final = 512
_BOUND_LEASES: Final = 10_000
#: If a reader takes longer than this, it can't fill the cache anymore.
_LEASE_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Entry:
    document: OrderDocument
    expires_at: float

    @property
    def size_bytes(self) -> int:
        return len(self.document.body) + ENTRY_OVERHEAD_BYTES


@dataclass(slots=True)
class _Lease:
    token: str
    expires_at: float


class MemoryOrderCache:
    """Caches the most recently read orders for `ttl` seconds, up to a maximum number and size."""

    def __init__(
        self,
        ttl: float,
        bound: int = BOUND_ENTRIES,
        clock: Callable[[], float] = monotonic,
        bound_bytes: int = BOUND_BYTES,
    ) -> None:
        self._ttl = ttl
        self._bound = bound
        self._bound_bytes = bound_bytes
        self._clock = clock
        self._entries: OrderedDict[OrderId, _Entry] = OrderedDict()
        self._size_bytes = 0
        self._leases: OrderedDict[OrderId, _Lease] = OrderedDict()
        self._tokens = count()

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        """Return the cached order, or a MISS that has a lease unless another reader has it."""
        entry = self._living(order_id)
        if entry is None or not (actor is None or actor.may_see(entry.document.owner)):
            return CacheAnswer(CacheState.MISS, lease=self.reserve(order_id))
        self._entries.move_to_end(order_id)
        return CacheAnswer(CacheState.HIT, entry.document)

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease, or None if there is already one for this order."""
        now = self._clock()
        held = self._leases.get(order_id)
        if held is not None and held.expires_at > now:
            return None
        lease = _Lease(str(next(self._tokens)), now + _LEASE_SECONDS)
        self._leases[order_id] = lease
        self._leases.move_to_end(order_id)
        if len(self._leases) > _BOUND_LEASES:
            self._leases.popitem(last=False)
        return lease.token

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read after taking the lease."""
        self.offer(order_id, document, lease)

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Like `fill`, but without having to be awaited."""
        held = self._leases.get(order_id)
        if held is None or held.token != lease or held.expires_at <= self._clock():
            return
        del self._leases[order_id]
        entry = self._living(order_id)
        if entry is None or entry.document.revision <= document.revision:
            self._store(order_id, document)

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision and end the lease. Always return True."""
        self._leases.pop(order_id, None)
        entry = self._living(order_id)
        if entry is not None and entry.document.revision <= document.revision:
            self._store(order_id, document)
        return True

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """Like `put`, but for several orders. Return an empty set because this can't fail."""
        for order_id, document in documents.items():
            await self.put(order_id, document)
        return frozenset()

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        """Drop older entries and end the leases. Return an empty set because this can't fail."""
        for order_id, revision in revisions.items():
            self._leases.pop(order_id, None)
            entry = self._living(order_id)
            if entry is not None and entry.document.revision < revision:
                self._drop(order_id)
        return frozenset()

    async def invalidate_all(self) -> bool:
        """Drop all entries and end all leases."""
        self._entries.clear()
        self._leases.clear()
        self._size_bytes = 0
        return True

    def _living(self, order_id: OrderId) -> _Entry | None:
        entry = self._entries.get(order_id)
        if entry is not None and entry.expires_at <= self._clock():
            self._drop(order_id)
            return None
        return entry

    def _store(self, order_id: OrderId, document: OrderDocument) -> None:
        self._drop(order_id)
        entry = _Entry(document, self._clock() + self._ttl)
        self._entries[order_id] = entry
        self._size_bytes += entry.size_bytes
        while len(self._entries) > self._bound or self._size_bytes > self._bound_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, order_id: OrderId) -> None:
        if (entry := self._entries.pop(order_id, None)) is not None:
            self._size_bytes -= entry.size_bytes
