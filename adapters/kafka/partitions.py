"""The number of partitions of each topic."""

from collections.abc import Mapping
from typing import Final

from application.delivery.topics import DEAD_LETTERS, NEW_ORDER, PROCESSED, STATUS_CHANGED

#: The partitions that a topic is created with. A partition that is added later changes the
#: partition of some keys, so that events of one order overtake each other; there are enough for
#: more consumers than are expected.
PARTITIONS: Final[Mapping[str, int]] = {
    NEW_ORDER: 6,
    STATUS_CHANGED: 6,
    PROCESSED: 6,
    DEAD_LETTERS: 1,
}
