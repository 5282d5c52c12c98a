from application.ports.limits import Limit, RateLimitResult
from application.rate_limit_results import least, note, rate_limit_results


def an_allowance(remaining: int, reset: int = 1) -> RateLimitResult:
    return RateLimitResult(Limit("any", 10, 60), remaining > 0, remaining, reset, 0)


def test_what_was_noted_during_a_request_is_there_for_its_answer() -> None:
    noted: list[RateLimitResult] = []
    token = rate_limit_results.set(noted)
    note(an_allowance(3))
    rate_limit_results.reset(token)
    assert noted == [an_allowance(3)]


def test_outside_of_a_request_nothing_is_noted() -> None:
    token = rate_limit_results.set(None)
    note(an_allowance(3))
    assert rate_limit_results.get() is None
    rate_limit_results.reset(token)


def test_the_least_is_the_one_that_a_client_must_mind() -> None:
    slow, fast = an_allowance(1, reset=50), an_allowance(1, reset=2)
    assert least([an_allowance(3), fast, slow]) == slow
    assert least([]) is None
