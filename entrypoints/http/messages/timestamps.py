"""Parse RFC 3339 timestamps with any number of digits, any offset, and leap seconds."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from domain.errors import Invalid

#: RFC 3339, section 5.6, allows "T" and "Z" in either case, and a space instead of "T". We also
#: allow a space instead of the sign, because an unescaped "+" in a form or a query turns into one.
_TIMESTAMP: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]+))?"
    r"([Zz]|(?P<sign>[+ -])(?P<offset_hour>[01][0-9]|2[0-3]):?(?P<offset_minute>[0-5][0-9]))"
)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_START: Final = datetime.min.replace(tzinfo=UTC)
_MAX_SINCE_START: Final = datetime.max.replace(tzinfo=UTC) - _START
#: The Gregorian calendar repeats after this many years. Python doesn't have a year 0.
_CYCLE_YEARS: Final = 400
_CYCLE: Final = timedelta(days=146_097)


def parse_timestamp(value: object) -> datetime:
    """Parse a timestamp that stored timestamps will be compared with. The offset is required.

    Stored timestamps have microseconds. Any further digits are rounded up, which is still exact
    for both "at or after" and "before". A leap second becomes the first instant of the next minute.
    A time outside Python's calendar becomes the calendar's first or last instant.

    Raises:
        Invalid: it is not an RFC 3339 timestamp.
    """
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _invalid_timestamp()
    try:
        return _START + min(max(_since_start(match), timedelta()), _MAX_SINCE_START)
    except ValueError:
        raise _invalid_timestamp() from None


def _since_start(match: re.Match[str]) -> timedelta:
    """Return the time since the beginning of the year 1 in UTC.

    Raises:
        ValueError: the date or the time does not exist.
    """
    year, second = int(match["year"]), int(match["second"])
    day = date(year + _CYCLE_YEARS if year < 1 else year, int(match["month"]), int(match["day"]))
    clock = time(int(match["hour"]), int(match["minute"]), min(second, 59))
    since = datetime.combine(day, clock, UTC) - _START - _offset(match)
    if year < 1:
        since -= _CYCLE
    if second > 59:
        _ensure_leap_second(second, since)
        since += timedelta(seconds=1)
    return since + _fraction(match["fraction"] or "")


def _ensure_leap_second(second: int, since: timedelta) -> None:
    # Only the last minute of a UTC day can have a leap second (RFC 3339, section 5.7).
    if second != 60 or since % _DAY < _DAY - _MINUTE:
        raise ValueError("a leap second is impossible there")


def _offset(match: re.Match[str]) -> timedelta:
    if match["sign"] is None:
        return timedelta()
    offset = timedelta(hours=int(match["offset_hour"]), minutes=int(match["offset_minute"]))
    return -offset if match["sign"] == "-" else offset


def _fraction(digits: str) -> timedelta:
    microseconds = timedelta(microseconds=int(digits[:6].ljust(6, "0")))
    return microseconds + _MICROSECOND if digits[6:].strip("0") else microseconds


def _invalid_timestamp() -> Invalid:
    return Invalid.value("invalid-timestamp", "Must be a timestamp such as 2026-01-31T12:00:00Z.")
