import pytest

from application.delivery.retry_policy import MAX_REJECTIONS, seconds_of_pause, seconds_until_retry


def test_waits_double_up_to_a_minute() -> None:
    waits = [seconds_until_retry(rejections) for rejections in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_an_event_is_parked_after_a_quarter_of_an_hour() -> None:
    waits = [seconds_until_retry(rejections) or 0 for rejections in range(1, MAX_REJECTIONS)]
    assert 13 * 60 < sum(waits) < 16 * 60
    assert all(waits)


@pytest.mark.parametrize("rejections", [MAX_REJECTIONS, 1024, 2**31 - 1, 10**400])
def test_any_number_of_rejections_is_safe(rejections: int) -> None:
    assert seconds_until_retry(rejections) is None


@pytest.mark.parametrize(
    ("waited", "pause"), [(-5.0, 1), (0.0, 1), (30.0, 3), (100.0, 10), (1e9, 10)]
)
def test_pauses_grow_with_the_wait_up_to_a_maximum(waited: float, pause: float) -> None:
    assert seconds_of_pause(waited) == pause
