from datetime import UTC, datetime, timedelta

from adapters.system.clock_and_ids import SystemClock


def test_the_clock_returns_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.utcoffset() == timedelta()
    assert before <= now <= datetime.now(UTC)
