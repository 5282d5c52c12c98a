"""Retry a use case after a lost race between two writers."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from application.errors import ConcurrentUpdate
from domain.order.status import MAX_STEPS

Command = TypeVar("Command")
Result = TypeVar("Result")

#: After its creation an order is written at most once for each step of its lifecycle, and once for
#: its processing. Each lost race is one of those writes, so the attempt after them meets no other
#: writer.
ATTEMPTS: Final = MAX_STEPS + 2


def retrying(
    use_case: Callable[[Command], Awaitable[Result]],
) -> Callable[[Command], Awaitable[Result]]:
    """Return `use_case`, repeated from its beginning after each `ConcurrentUpdate`.

    Raises:
        ConcurrentUpdate: every one of the `ATTEMPTS` lost a race.
    """

    async def retried(command: Command) -> Result:
        for _ in range(ATTEMPTS - 1):
            try:
                return await use_case(command)
            except ConcurrentUpdate:
                continue
        return await use_case(command)

    return retried
