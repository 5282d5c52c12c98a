"""How long to wait before publishing an event again that the broker didn't store."""

from typing import Final

#: After this many rejections an event is parked, which means that it waits for an operator. The
#: waits up to that point add up to about a quarter of an hour.
MAX_REJECTIONS: Final = 20

_MAX_WAIT_SECONDS: Final = 60
#: The smallest exponent for which the power of 2 exceeds the longest wait.
_MAX_EXPONENT: Final = 6

_MIN_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 10.0


def seconds_until_retry(rejections: int) -> int | None:
    """Return how long to wait after this many rejections, or None if the event is parked."""
    if rejections >= MAX_REJECTIONS:
        return None
    return min(1 << min(rejections - 1, _MAX_EXPONENT), _MAX_WAIT_SECONDS)


def seconds_of_pause(waited_seconds: float) -> float:
    """Return how long to pause an event that did not reach the broker.

    The pause is a tenth of the time the event has already been waiting, so pauses get longer. The
    upper limit ensures that the event is published within seconds once the broker is back.
    """
    return min(max(waited_seconds / 10, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
