"""Ports for rendering, storing, reading and caching orders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from application.documents import OrderDocument, OrderRecord, OrderWrite
from domain.actor import Actor
from domain.ids import OrderId, UserId
from domain.order.history import Step
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus


class OrderRenderer(Protocol):
    """Serialises orders for HTTP, the storage, the cache, events and stored responses."""

    def record(self, order: Order) -> OrderRecord:
        """Return the record to store for an order."""

    def restore(self, record: OrderRecord) -> Order:
        """Return a record's order. `restore(record(order))` equals `order`."""

    def document(self, record: OrderRecord) -> OrderDocument:
        """Return the API's document for a record without decoding its lines."""


class ChangeRenderer(Protocol):
    """Serialises changes into everything that a write has to store."""

    def render(self, change: OrderChange) -> OrderWrite:
        """Return the record, document, event and step for a change. The event gets a new id."""

    def document(self, order: Order) -> OrderDocument:
        """Return the document for an order that was not changed."""


class OrderRepository(Protocol):
    """Reads and saves orders within a transaction."""

    async def get(self, order_id: OrderId) -> Order:
        """Return the order, including the last committed write.

        Raises:
            OrderNotFound: the order does not exist.
        """

    async def save(self, write: OrderWrite) -> None:
        """Store the write with its step and its event when the transaction commits.

        Raises:
            ConcurrentUpdate: another write was faster, and nothing has been stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """The conditions for listing orders. A condition that is None or empty is ignored."""

    owner: UserId | None = None
    statuses: frozenset[OrderStatus] = frozenset()
    reference: str | None = None
    created_after: datetime | None = None  # inclusive
    created_before: datetime | None = None  # exclusive


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of orders, newest first. `next_after` is the last order's id if there are more."""

    orders: Sequence[OrderDocument]
    next_after: OrderId | None


class OrderReader(Protocol):
    """Reads order documents, including the last committed write."""

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order, or None if it does not exist."""

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Return the orders that exist, by id."""

    async def revision(self, order_id: OrderId) -> int | None:
        """Return the order's revision. Cheaper than `find`.

        None if it does not exist, or if its owner was erased: an erasure changes documents without
        a new revision, so copies of the order can't be trusted.
        """

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """Return at most `limit` orders after `after`, newest first.

        The cost doesn't depend on the number of orders or on the page's position.
        """


class KnownOrders(Protocol):
    """Checks which orders exist, without reading them."""

    async def existing(self, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
        """Return those of the ids that belong to an order.

        Raises:
            Unavailable: the storage is unreachable.
        """


class HistoryReader(Protocol):
    """Reads order histories."""

    async def steps(self, order_id: OrderId) -> tuple[UserId, Sequence[Step]] | None:
        """Return the order's owner and steps, oldest first, or None if it does not exist."""


class CacheState(Enum):
    """The result of a cache lookup."""

    HIT = auto()
    MISS = auto()
    BYPASS = auto()  # the cache is unreachable


@dataclass(frozen=True, slots=True)
class CacheAnswer:
    """A response from the cache. `document` is only set after a HIT.

    `lease` allows the reader to fill the cache after a MISS. It's None if another reader has it.
    """

    state: CacheState
    document: OrderDocument | None = None
    lease: str | None = field(default=None, compare=False)  # leases are unique, so don't compare


class ReadThroughCache(Protocol):
    """A cache that is filled when orders are read.

    To fill the cache, a reader needs a lease that it took before reading from the storage. Every
    write to the order ends this lease. This way a slow reader can't bring back an old revision,
    even if the cache has evicted or lost entries in the meantime.
    """

    async def get(self, order_id: OrderId, actor: Actor | None = None) -> CacheAnswer:
        """Return the cached order, or BYPASS if the cache is unreachable. Never raises.

        An order that `actor` may not see is a MISS, exactly like an order that doesn't exist.
        Otherwise, the time would reveal that it exists. None may see every order.

        After a MISS, read the order from the storage and pass it to `fill` with the lease.
        """

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read from the storage after taking `lease`.

        Does nothing if the lease has ended. Never raises.
        """


class NewOrderCache(Protocol):
    """Caches new orders before they're read for the first time, without waiting for the cache."""

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease for a new order, or None if there is none.

        Call this before you store the order.
        """

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Like `fill`, but with a lease returned by `reserve`.

        If the process calls `get` afterwards, it finds the order, unless the lease has ended.
        """


class OrderCache(ReadThroughCache, NewOrderCache, Protocol):
    """A cache for orders. It can lose entries at any time, but never goes back to an older one."""

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision after a write, and end the order's lease.

        This doesn't add orders that are not cached. Return False if the cache is unreachable, which
        means that it may still contain an older revision. Never raises.
        """

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """Like `put`, but for several orders concurrently. Return those that failed."""

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        """Drop each order's entry if it is older than this revision, and end the order's lease.

        Return those that failed because the cache is unreachable. Never raises.
        """

    async def invalidate_all(self) -> bool:
        """Make all entries inaccessible to all processes.

        Return False if the cache is unreachable. Never raises.
        """
