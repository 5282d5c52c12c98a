"""The system clock, and a generator for version 7 UUIDs (RFC 9562)."""

from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Final
from uuid import UUID

from asyncpg.pgproto import pgproto

from application.ports.system import MAX_ID_LEAD_MS


class SystemClock:
    """The operating system's clock as a `Clock`."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC, in whole microseconds."""
        return datetime.now(UTC)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

#: The layout of a UUIDv7 (RFC 9562, section 5.7). It consists of the time, the version, 12 random
#: bits, the variant, and 62 random bits.
_TIME_AT: Final = 80
_VERSION: Final = 7 << 76
_HIGH_AT: Final = 64
_VARIANT: Final = 0b10 << 62
_LOW_BITS: Final = 62
_LOW: Final = (1 << _LOW_BITS) - 1
_RANDOM_BITS: Final = 12 + _LOW_BITS

#: The size of a random step within the same millisecond. It's hard to guess, and leaves enough room
#: for 2**41 ids.
_STEP_BITS: Final = 32
#: The number of random bytes per system call.
_BLOCK: Final = 4096


class Uuid7Generator:
    """Generates version 7 UUIDs in ascending order, even within the same millisecond.

    Within a millisecond, the random part is incremented by a random step (RFC 9562, section 6.2,
    method 2). If it overflows, or if the clock is set back a little, ids run ahead of the clock.

    We can't use uuid-utils or Python 3.14 for this, because they only keep ids in order if they
    read the clock themselves.
    """

    def __init__(self) -> None:
        self._last = 0  # milliseconds and random part combined into one number
        self._random = _Randomness()

    def new(self, now: datetime) -> UUID:
        """Return an id that sorts after all earlier ids and contains `now` if possible."""
        # Start with the highest random bit at 0, so in practice the steps never overflow.
        fresh = _milliseconds(now) << _RANDOM_BITS | self._random.bits(_RANDOM_BITS - 1)
        if 0 <= (self._last >> _RANDOM_BITS) - (fresh >> _RANDOM_BITS) <= MAX_ID_LEAD_MS:
            fresh = self._last + 1 + self._random.bits(_STEP_BITS)
        self._last = fresh
        return _uuid(fresh)


class _Randomness:
    """Random bits from the operating system, read in blocks to reduce system calls."""

    def __init__(self) -> None:
        self._block = b""
        self._used = 0

    def bits(self, count: int) -> int:
        """Return a number with `count` random bits, which are never reused."""
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
    value = time | _VERSION | high | _VARIANT | number & _LOW
    # asyncpg's subclass of UUID is created in a quarter of the time, and is text in a tenth.
    uuid: UUID = pgproto.UUID(value.to_bytes(16))
    return uuid
