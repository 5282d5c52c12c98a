"""The orders table."""

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
    """An order and its steps after the last committed write."""

    record: OrderRecord
    document: OrderDocument
    steps: tuple[Step, ...]


class OrdersTable:
    """Orders, with indexes by owner and by reference.

    Because ids sort by creation time, an index can be a sorted list, and new orders are usually
    appended to its end.
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
            ValueError: there is already an order with this id, which is a bug.
        """
        record = write.record
        if record.id in self._orders:
            raise ValueError(f"order {record.id} already exists")
        if record.reference is not None:
            reference = (record.owner, record.reference)
            if reference in self._ids_by_reference:
                raise ReferenceTaken
            self._ids_by_reference[reference] = record.id
        self._orders[record.id] = StoredOrder(record, write.document, _steps(write))
        insort(self._ids, record.id)
        insort(self._ids_by_owner[record.owner], record.id)

    def ensure_follows(self, record: OrderRecord) -> None:
        """Raise an error unless the write is based on the order's stored revision.

        Raises:
            ConcurrentUpdate: the write is based on a different revision.
        """
        stored = self._orders.get(record.id)
        if stored is None or stored.record.revision != record.revision - 1:
            raise ConcurrentUpdate

    def replace(self, write: OrderWrite) -> None:
        """Replace an order. Call `ensure_follows` before this."""
        stored = self._orders[write.record.id]
        stored.record = write.record
        stored.document = write.document
        stored.steps += _steps(write)

    def drop_reference(self, record: OrderRecord) -> None:
        """Make an order's reference free again."""
        if record.reference is not None:
            self._ids_by_reference.pop((record.owner, record.reference), None)

    def newest_first(
        self, owner: UserId | None, reference: str | None, after: OrderId | None
    ) -> Iterator[StoredOrder]:
        """Return the orders after `after`, newest first, using an index if possible.

        The index by reference is only used if an owner is given because its keys start with it.
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
