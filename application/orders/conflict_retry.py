"""Trying a whole use case again when somebody else wrote first."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from application.errors import ConcurrentUpdate

Command = TypeVar("Command")
Result = TypeVar("Result")

#: After its creation an order is written at most three times: two steps of its lifecycle and its
#: processing. Each lost race is one of those writes, so the fourth attempt meets no other writer.
ATTEMPTS: Final = 4


def retrying(
    use_case: Callable[[Command], Awaitable[Result]],
) -> Callable[[Command], Awaitable[Result]]:
    """`use_case`, tried again from its beginning after a `ConcurrentUpdate`, boundedly often."""

    async def retried(command: Command) -> Result:
        for _ in range(ATTEMPTS - 1):
            try:
                return await use_case(command)
            except ConcurrentUpdate:
                continue
        return await use_case(command)

    return retried
