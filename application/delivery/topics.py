"""Topics, the types of their events, and the name under which orders are processed."""

from collections.abc import Mapping
from typing import Final

NEW_ORDER: Final = "new_order"
STATUS_CHANGED: Final = "order_status_changed"
PROCESSED: Final = "order_processed"
DEAD_LETTERS: Final = "new_order.dlq"

#: The type of the events of each topic; a dead letter keeps its own.
TYPES: Final[Mapping[str, str]] = {
    NEW_ORDER: "order.created",
    STATUS_CHANGED: "order.status_changed",
    PROCESSED: "order.processed",
}

#: The consumer of `new_order`; the inbox has its processed orders under this name.
PROCESSING: Final = "order-processing"
