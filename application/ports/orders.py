"""Rendering, storing, reading and caching orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from application.documents import OrderDocument, OrderRecord, OrderWrite
from domain.ids import OrderId, UserId
from domain.order.history import Step
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus


class OrderRenderer(Protocol):
    """The one serialisation of an order: HTTP, storage, cache, events and stored answers use it."""

    def record(self, order: Order) -> OrderRecord:
        """Return the order as it is stored."""

    def restore(self, record: OrderRecord) -> Order:
        """Return the order of a record; `restore(record(order))` equals `order`."""

    def document(self, record: OrderRecord) -> OrderDocument:
        """Return the order as the API shows it, without decoding its lines."""


class ChangeRenderer(Protocol):
    """The serialisation of changes: everything that one write stores."""

    def render(self, change: OrderChange) -> OrderWrite:
        """Return the record, document, event and step of a change; the event has a new id."""

    def document(self, order: Order) -> OrderDocument:
        """Return the document of an order that was not changed."""


class OrderRepository(Protocol):
    """Orders inside one transaction: read, decide, save."""

    async def get(self, order_id: OrderId) -> Order:
        """Return the order as the last committed write left it.

        Raises:
            OrderNotFound: there is no such order.
        """

    async def save(self, write: OrderWrite) -> None:
        """Store the write, its step and its event, on commit.

        Raises:
            ConcurrentUpdate: another write has come first; nothing is stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """The conditions of a list. None or empty: no such condition."""

    owner: UserId | None = None
    statuses: frozenset[OrderStatus] = frozenset()
    reference: str | None = None
    created_after: datetime | None = None  # inclusive
    created_before: datetime | None = None  # exclusive


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders, newest first. `next_after` is the last one's id if more orders follow."""

    orders: Sequence[OrderDocument]
    next_after: OrderId | None


class OrderReader(Protocol):
    """Reads documents of orders, as of the last committed write."""

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        """Return the order, or None if it does not exist."""

    async def find_many(self, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderDocument]:
        """Return the orders that exist."""

    async def revision(self, order_id: OrderId) -> int | None:
        """Return the order's revision, or None if it does not exist. Cheaper than `find`."""

    async def page(self, wanted: OrderFilter, after: OrderId | None, limit: int) -> OrderPage:
        """Return at most `limit` orders after `after`, newest first.

        The cost depends neither on the number of orders nor on the position of the page.
        """


class HistoryReader(Protocol):
    """Reads the histories of orders."""

    async def steps(self, order_id: OrderId) -> tuple[UserId, Sequence[Step]] | None:
        """Return the order's owner and its steps, oldest first; None if it does not exist."""


class CacheState(Enum):
    """How the cache answered."""

    HIT = auto()
    MISS = auto()
    BYPASS = auto()  # the cache is out of reach


@dataclass(frozen=True, slots=True)
class CacheAnswer:
    """The answer of the cache; only a HIT has a `document`.

    `lease` is the right to fill the order in after a MISS; None if another reader has it.
    """

    state: CacheState
    document: OrderDocument | None = None
    lease: str | None = field(default=None, compare=False)  # a right, and no part of the answer


class ReadThroughCache(Protocol):
    """A cache that is filled by the readers of orders.

    A reader fills an order only under a lease that it took before it read the storage. Every write
    of the order ends the lease. So a slow reader cannot bring an old revision back, even if the
    cache has evicted or lost entries in between.
    """

    async def get(self, order_id: OrderId) -> CacheAnswer:
        """Return the cached order. Never raises; BYPASS if the cache is out of reach.

        After a MISS, read the storage, and `fill` the order in under the answer's lease.
        """

    async def fill(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """Cache an order that was read from the storage after `lease` had been taken.

        Does nothing if the lease has ended. Never raises.
        """


class NewOrderCache(Protocol):
    """Caches new orders before their first read, without waiting for it."""

    def reserve(self, order_id: OrderId) -> str | None:
        """Return a lease of an order that is about to be stored for the first time.

        Call it before the order is stored. Return None if there is no lease.
        """

    def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
        """As `fill`, with the lease that `reserve` returned.

        A `get` of this process that begins afterwards finds the order, unless the lease had ended.
        """


class OrderCache(ReadThroughCache, NewOrderCache, Protocol):
    """A cache of orders. It may lose an entry at any time, but never returns to an older one."""

    async def put(self, order_id: OrderId, document: OrderDocument) -> bool:
        """Replace an older revision of a written order, and end its lease.

        An order that is not cached stays so. Return False if the cache is out of reach, so that
        an older revision may still be in it. Never raises.
        """

    async def put_many(self, documents: Mapping[OrderId, OrderDocument]) -> frozenset[OrderId]:
        """As `put`, for several orders at the same time; return those that it returns False for."""

    async def invalidate_all(self) -> bool:
        """Make every entry unreachable, for every process.

        Return False if the cache is out of reach. Never raises.
        """
