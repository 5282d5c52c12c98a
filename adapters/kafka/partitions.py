"""The number of partitions per topic."""

from collections.abc import Mapping
from typing import Final

from application.delivery.topics import DEAD_LETTERS, NEW_ORDER, PROCESSED, STATUS_CHANGED

#: How many partitions a topic is created with. These are enough for more consumers than we expect,
#: because adding partitions later would move some keys to a different partition, which allows
#: events to overtake earlier events of the same order.
PARTITIONS: Final[Mapping[str, int]] = {
    NEW_ORDER: 6,
    STATUS_CHANGED: 6,
    PROCESSED: 6,
    DEAD_LETTERS: 1,
}
