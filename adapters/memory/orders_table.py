"""The table of orders."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from application.documents import OrderDocument, OrderRecord, OrderWrite
from application.errors import ConcurrentUpdate
from domain.errors import ReferenceTaken
from domain.ids import OrderId, UserId
from domain.order.history import Step


@dataclass(slots=True)
class StoredOrder:
    """An order after its last committed write, and its steps."""

    record: OrderRecord
    document: OrderDocument
    steps: tuple[Step, ...]


class OrdersTable:
    """The orders, with an index by owner and one by reference.

    Ids sort by the time of creation. So an index is a sorted list, and a new order is usually its
    last entry.
    """

    def __init__(self) -> None:
        self._orders: dict[OrderId, StoredOrder] = {}
        self._ids: list[OrderId] = []
        self._ids_by_owner: defaultdict[UserId, list[OrderId]] = defaultdict(list)
        self._ids_by_reference: dict[tuple[UserId, str], OrderId] = {}

    def find(self, order_id: OrderId) -> StoredOrder | None:
        """Return the order, or None if it does not exist."""
        return self._orders.get(order_id)

    def insert(self, write: OrderWrite) -> None:
        """Insert a new order.

        Raises:
            ReferenceTaken: the owner has another order with this reference.
            ValueError: an order has this id already, which is a bug.
        """
        record = write.record
        if record.id in self._orders:
            raise ValueError(f"there is an order {record.id} already")
        if record.reference is not None:
            reference = (record.owner, record.reference)
            if reference in self._ids_by_reference:
                raise ReferenceTaken
            self._ids_by_reference[reference] = record.id
        self._orders[record.id] = StoredOrder(record, write.document, _steps(write))
        insort(self._ids, record.id)
        insort(self._ids_by_owner[record.owner], record.id)

    def ensure_follows(self, record: OrderRecord) -> None:
        """Raise unless the write is based on the stored revision of the order.

        Raises:
            ConcurrentUpdate: it is based on another one.
        """
        stored = self._orders.get(record.id)
        if stored is None or stored.record.revision != record.revision - 1:
            raise ConcurrentUpdate

    def replace(self, write: OrderWrite) -> None:
        """Replace an order by its next write, after `ensure_follows`."""
        stored = self._orders[write.record.id]
        stored.record = write.record
        stored.document = write.document
        stored.steps += _steps(write)

    def newest_first(
        self, owner: UserId | None, reference: str | None, after: OrderId | None
    ) -> Iterator[StoredOrder]:
        """Return the orders after `after`, newest first, narrowed by the indexes.

        The index by reference begins with the owner, so it is not used without one.
        """
        if owner is None:
            ids = self._ids
        elif reference is None:
            ids = self._ids_by_owner.get(owner, [])
        else:
            found = self._ids_by_reference.get((owner, reference))
            ids = [] if found is None else [found]
        end = len(ids) if after is None else bisect_left(ids, after)
        return (self._orders[ids[index]] for index in range(end - 1, -1, -1))


def _steps(write: OrderWrite) -> tuple[Step, ...]:
    return () if write.step is None else (write.step,)
