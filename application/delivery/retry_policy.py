"""The waits until an event that the broker did not store is published again."""

from typing import Final

#: After so many rejections an event is parked: it waits for an operator. The waits between them
#: add up to a quarter of an hour.
MAX_REJECTIONS: Final = 20

_MAX_WAIT_SECONDS: Final = 60
#: 2 to this power is more than the longest wait.
_MAX_EXPONENT: Final = 6

_MIN_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 10.0


def seconds_until_retry(rejections: int) -> int | None:
    """Return the wait after this number of rejections; None if the event is parked."""
    if rejections >= MAX_REJECTIONS:
        return None
    return min(1 << min(rejections - 1, _MAX_EXPONENT), _MAX_WAIT_SECONDS)


def seconds_of_pause(waited_seconds: float) -> float:
    """Return the pause of an event that did not reach the broker, given its wait so far.

    It is a tenth of that wait, so pauses grow; it is bounded, so that the event is published within
    seconds of the broker's return.
    """
    return min(max(waited_seconds / 10, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
