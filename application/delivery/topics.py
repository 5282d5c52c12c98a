"""The topics: where it is told what becomes of an order, and in how many parts each is kept."""

from collections.abc import Mapping
from typing import Final

NEW_ORDER: Final = "new_order"
STATUS_CHANGED: Final = "order_status_changed"
PROCESSED: Final = "order_processed"
DEAD_LETTERS: Final = "new_order.dlq"

#: What the events of each topic are called; a dead letter is called as it came.
TYPES: Final[Mapping[str, str]] = {
    NEW_ORDER: "order.created",
    STATUS_CHANGED: "order.status_changed",
    PROCESSED: "order.processed",
}

#: How many partitions a topic is made with. Adding some later would move orders from one to
#: another and with it lose their order, so there are enough for more consumers than we expect.
PARTITIONS: Final[Mapping[str, int]] = {
    NEW_ORDER: 6,
    STATUS_CHANGED: 6,
    PROCESSED: 6,
    DEAD_LETTERS: 1,
}

#: Those who share the work of `new_order`.
PROCESSING_GROUP: Final = "order-processing"
