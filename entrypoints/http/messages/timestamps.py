"""Timestamps of RFC 3339, with every digit, offset and leap second that it allows."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from domain.errors import Invalid

#: RFC 3339, section 5.6: "T" and "Z" in either case, or a space for "T". A space is also a "+" that
#: a form or a query did not escape.
_MOMENT: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]+))?"
    r"([Zz]|(?P<sign>[+ -])(?P<offset_hour>[01][0-9]|2[0-3]):?(?P<offset_minute>[0-5][0-9]))"
)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_START: Final = datetime.min.replace(tzinfo=UTC)
_LONGEST: Final = datetime.max.replace(tzinfo=UTC) - _START
#: Years after which the Gregorian calendar repeats itself: for the year 0, which Python lacks.
_CYCLE_YEARS: Final = 400
_CYCLE: Final = timedelta(days=146_097)


def parse_timestamp(value: object) -> datetime:
    """Parse a bound on stored timestamps, which have microseconds; its offset must be given.

    Digits beyond microseconds are rounded up: then "at or after" and "before" both keep their exact
    meaning. A leap second is the first moment of the next minute. What lies beyond either end of
    Python's calendar is that end.

    Raises:
        Invalid: it is no timestamp of RFC 3339.
    """
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _invalid_timestamp()
    try:
        return _START + min(max(_since_start(match), timedelta()), _LONGEST)
    except ValueError:
        raise _invalid_timestamp() from None


def _since_start(match: re.Match[str]) -> timedelta:
    """The time since the beginning of year 1 in UTC.

    Raises:
        ValueError: there is no such date or time.
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
    # RFC 3339, section 5.7: the last minute of a day in UTC may have one.
    if second != 60 or since % _DAY < _DAY - _MINUTE:
        raise ValueError("no leap second is ever there")


def _offset(match: re.Match[str]) -> timedelta:
    if match["sign"] is None:
        return timedelta()
    offset = timedelta(hours=int(match["offset_hour"]), minutes=int(match["offset_minute"]))
    return -offset if match["sign"] == "-" else offset


def _fraction(digits: str) -> timedelta:
    microseconds = timedelta(microseconds=int(digits[:6].ljust(6, "0")))
    return microseconds + _MICROSECOND if digits[6:].strip("0") else microseconds


def _invalid_timestamp() -> Invalid:
    return Invalid.value("invalid-timestamp", "Must be a moment such as 2026-01-31T12:00:00Z.")
