"""The system clock, and ids as UUIDs of version 7 (RFC 9562)."""

from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Final
from uuid import UUID

from application.ports.system import MAX_ID_LEAD_MS


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> datetime:
        """Return the current time in UTC, timezone-aware, in microseconds."""
        return datetime.now(UTC)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

#: The layout of a UUIDv7 (RFC 9562, section 5.7): time, version, 12 random bits, variant, 62
#: random bits.
_TIME_AT: Final = 80
_VERSION: Final = 7 << 76
_HIGH_AT: Final = 64
_VARIANT: Final = 0b10 << 62
_LOW_BITS: Final = 62
_LOW: Final = (1 << _LOW_BITS) - 1
_RANDOM_BITS: Final = 12 + _LOW_BITS

#: The size of a random step within one millisecond: hard to guess, and enough for 2**41 ids.
_STEP_BITS: Final = 32
#: The number of random bytes per system call.
_BLOCK: Final = 4096


class Uuid7Generator:
    """Generates UUIDs of version 7 in ascending order, also within a millisecond.

    Within a millisecond, the random part grows by a random step (RFC 9562, section 6.2, method 2).
    If it overflows, or if the clock was set back a little, ids run ahead of the clock.

    Hand-written, because uuid-utils and Python 3.14 keep ids in order only if they read the time
    themselves.
    """

    def __init__(self) -> None:
        self._last = 0  # the milliseconds and the random part as one number
        self._random = _Randomness()

    def new(self, now: datetime) -> UUID:
        """Return an id greater than all before, with the milliseconds of `now` if possible."""
        # The highest random bit starts at 0, so that steps practically never overflow.
        fresh = _milliseconds(now) << _RANDOM_BITS | self._random.bits(_RANDOM_BITS - 1)
        if 0 <= (self._last >> _RANDOM_BITS) - (fresh >> _RANDOM_BITS) <= MAX_ID_LEAD_MS:
            fresh = self._last + 1 + self._random.bits(_STEP_BITS)
        self._last = fresh
        return _uuid(fresh)


class _Randomness:
    """Random bits of the operating system, read in blocks to save system calls."""

    def __init__(self) -> None:
        self._block = b""
        self._used = 0

    def bits(self, count: int) -> int:
        """Return a number of `count` random bits, which are never used again."""
        size = (count + 7) // 8
        if self._used + size > len(self._block):
            self._block, self._used = token_bytes(_BLOCK), 0
        number = int.from_bytes(self._block[self._used : self._used + size])
        self._used += size
        return number >> (8 * size - count)


def _milliseconds(now: datetime) -> int:
    return (now - _EPOCH) // _MILLISECOND


def _uuid(number: int) -> UUID:
    time = number >> _RANDOM_BITS << _TIME_AT
    high = (number >> _LOW_BITS & 0xFFF) << _HIGH_AT
    return UUID(int=time | _VERSION | high | _VARIANT | number & _LOW)
