from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.http.messages.timestamps import parse_timestamp
from tests.unit.domain.orders import refusal

START = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
NEW_YEAR = datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2017-01-01T00:00:00Z", NEW_YEAR),
        ("2017-01-01t00:00:00z", NEW_YEAR),
        ("2017-01-01 00:00:00Z", NEW_YEAR),
        ("2017-01-01T00:00:00 00:00", NEW_YEAR),  # an unescaped "+"
        ("2017-01-01T00:00:00-00:00", NEW_YEAR),
        ("2017-01-01T05:45:00+05:45", NEW_YEAR),
        ("2016-12-31T15:00:00-09:00", NEW_YEAR),
        ("2016-12-31T00:01:00-23:59", NEW_YEAR),
        ("2017-01-01T00:00:00.000000000000Z", NEW_YEAR),
        # Leap seconds.
        ("2016-12-31T23:59:60Z", NEW_YEAR),
        ("2016-12-31T15:59:60-08:00", NEW_YEAR),
        ("2016-12-31T23:59:60.5Z", NEW_YEAR + timedelta(seconds=0.5)),
        ("9999-12-31T23:59:60Z", END),
        # More digits than microseconds.
        ("2017-01-01T00:00:00.0000001Z", NEW_YEAR + timedelta(microseconds=1)),
        ("2017-01-01T00:00:00.0000010Z", NEW_YEAR + timedelta(microseconds=1)),
        (f"2017-01-01T00:00:00.{'0' * 5000}1Z", NEW_YEAR + timedelta(microseconds=1)),
        ("2016-12-31T23:59:59.9999999Z", NEW_YEAR),
        # Both ends of the calendar.
        ("9999-12-31T23:59:59.9999999Z", END),
        ("9999-12-31T23:59:59.9999999+00:00", END),
        ("9999-12-31T23:59:59-23:59", END),
        ("0001-01-01T00:00:00.0000000Z", START),
        ("0001-01-01T00:00:00+23:59", START),
        ("0000-02-29T00:00:00Z", START),
        ("0000-12-31T23:00:00-02:00", START + timedelta(hours=1)),
    ],
)
def test_every_form_of_rfc_3339_is_parsed(text: str, instant: datetime) -> None:
    assert parse_timestamp(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2017-01-01", "2017-01-01T00:00:00", "2017-01-01T00:00Z"),
        *("20170101T000000Z", "2017-02-29T00:00:00Z", "2017-13-01T00:00:00Z"),
        *("2017-01-00T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01T00:60:00Z"),
        *("2017-01-01T00:00:61Z", "2017-01-01T00:00:60Z", "2016-12-31T23:59:60+01:00"),
        *("2016-12-31T23:58:60Z", "2016-12-31T23:59:61Z", "2017-01-01T00:00:00.Z"),
        *("2017-01-01T00:00:00,5Z", "2017-01-01T00:00:00+24:00", "2017-01-01T00:00:00+00:60"),
        *("2017-01-01T00:00:00+1:00", "\u0662017-01-01T00:00:00Z", "2017-01-01T00:00:00Z\n"),
        "-001-01-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert refusal(parse_timestamp, text).code == "invalid-timestamp"


@pytest.mark.parametrize("value", [None, 7, b"2017-01-01T00:00:00Z"])
def test_a_timestamp_is_a_string(value: object) -> None:
    assert refusal(parse_timestamp, value).code == "invalid-timestamp"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_timestamp_of_the_service_is_parsed_exactly(instant: datetime) -> None:
    assert parse_timestamp(instant.isoformat()) == instant
