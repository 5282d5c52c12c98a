"""When an event that the broker did not store is published again."""

from typing import Final

#: Rejections after which an event is parked: it waits for an operator. The waits between them add
#: up to a quarter of an hour.
MAX_REJECTIONS: Final = 20

_LONGEST_WAIT_SECONDS: Final = 60
#: 2 to this power is more than the longest wait.
_LARGEST_EXPONENT: Final = 6

_SHORTEST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 10.0


def seconds_until_retry(rejections: int) -> int | None:
    """Return how long an event waits after so many rejections; None: it is parked."""
    if rejections >= MAX_REJECTIONS:
        return None
    return min(1 << min(rejections - 1, _LARGEST_EXPONENT), _LONGEST_WAIT_SECONDS)


def seconds_of_pause(waited_seconds: float) -> float:
    """Return how long an event that did not reach the broker waits, given how long it has waited.

    A tenth of its wait so far, so that the pauses grow; within bounds, so that it goes out within
    seconds of the broker's return.
    """
    return min(max(waited_seconds / 10, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
