from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget


def test_every_wait_is_taken_from_what_is_left() -> None:
    of_a_request = TimeBudget(0.5)
    of_a_request.spend(0.125)
    of_a_request.spend(0.25)
    assert of_a_request.left == 0.125


def test_patience_that_is_used_up_stays_at_nothing() -> None:
    of_a_request = TimeBudget()
    of_a_request.spend(60)
    assert of_a_request.left == 0


def test_a_request_has_a_tenth_of_a_second_and_who_is_none_has_no_bound() -> None:
    assert TimeBudget().left == AUXILIARY_BUDGET_SECONDS == 0.1
    assert time_budget.get() is None
