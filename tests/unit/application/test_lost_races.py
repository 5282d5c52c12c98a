import pytest

from application.errors import ConcurrentUpdate
from application.orders.order_writes import ATTEMPTS, retry_lost_races
from domain.errors import OrderNotFound, OrderServiceError


class UseCase:
    """Raises one error per call, then succeeds."""

    def __init__(self, *errors: OrderServiceError) -> None:
        self._errors = list(errors)
        self.commands: list[str] = []

    async def __call__(self, command: str) -> str:
        self.commands.append(command)
        if self._errors:
            raise self._errors.pop(0)
        return "done"


async def test_without_a_race_the_use_case_runs_once() -> None:
    use_case = UseCase()
    assert await retry_lost_races(use_case)("command") == "done"
    assert use_case.commands == ["command"]


@pytest.mark.parametrize("races", range(1, ATTEMPTS))
async def test_after_a_lost_race_the_use_case_runs_again_with_the_same_command(
    races: int,
) -> None:
    use_case = UseCase(*[ConcurrentUpdate()] * races)
    assert await retry_lost_races(use_case)("command") == "done"
    assert use_case.commands == ["command"] * (races + 1)


async def test_a_use_case_that_loses_every_race_raises_an_error() -> None:
    use_case = UseCase(*[ConcurrentUpdate()] * 100)
    with pytest.raises(ConcurrentUpdate):
        await retry_lost_races(use_case)("command")
    assert len(use_case.commands) == ATTEMPTS


async def test_any_other_error_is_not_retried() -> None:
    use_case = UseCase(ConcurrentUpdate(), OrderNotFound())
    with pytest.raises(OrderNotFound):
        await retry_lost_races(use_case)("command")
    assert len(use_case.commands) == 2
