from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget


def test_every_wait_reduces_the_budget() -> None:
    budget = TimeBudget(0.5)
    budget.spend(0.125)
    budget.spend(0.25)
    assert budget.left == 0.125


def test_a_spent_budget_stays_at_zero() -> None:
    budget = TimeBudget()
    budget.spend(60)
    assert budget.left == 0


def test_concurrent_waits_are_spent_once() -> None:
    budget = TimeBudget(0.5)
    budget.spend_concurrently(0.25, left_before=0.5)
    assert budget.left == 0.25
    budget.spend_concurrently(0.125, left_before=0.5)
    assert budget.left == 0.25
    budget.spend_concurrently(0.375, left_before=0.5)
    assert budget.left == 0.125
    budget.spend_concurrently(60, left_before=0.5)
    assert budget.left == 0


def test_a_request_has_a_tenth_of_a_second_and_other_work_has_no_budget() -> None:
    assert TimeBudget().left == AUXILIARY_BUDGET_SECONDS == 0.1
    assert time_budget.get() is None
