"""Topics, their event types, and the consumer name for order processing."""

from collections.abc import Mapping
from typing import Final

NEW_ORDER: Final = "new_order"
STATUS_CHANGED: Final = "order_status_changed"
PROCESSED: Final = "order_processed"
DEAD_LETTERS: Final = "new_order.dlq"

#: The event type for each topic. Dead letters keep their original type.
TYPES: Final[Mapping[str, str]] = {
    NEW_ORDER: "order.created",
    STATUS_CHANGED: "order.status_changed",
    PROCESSED: "order.processed",
}

#: The consumer of `new_order`. The inbox stores processed orders under this name.
PROCESSING: Final = "order-processing"
