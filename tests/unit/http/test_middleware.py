"""The deadlines that apply to each request."""

import asyncio
from typing import Any, cast

from litestar.types import Receive, Scope, Send

from entrypoints.http.middleware import RequestMiddleware
from libraries.asyncio_tools.time_budget import (
    AUXILIARY_BUDGET_SECONDS,
    STORAGE_DEADLINE_SECONDS,
    storage_deadline,
    time_budget,
)

REQUEST = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def test_the_storage_deadline_is_under_two_seconds_after_the_start_of_the_request() -> None:
    deadlines: list[float] = []

    async def app(*_: object) -> None:
        deadlines.append(storage_deadline.get() or 0)

    clock = asyncio.get_running_loop().time
    earliest = clock()
    await RequestMiddleware(app)(cast(Scope, REQUEST), cast(Receive, None), cast(Send, None))
    [deadline] = deadlines
    assert earliest + STORAGE_DEADLINE_SECONDS <= deadline <= clock() + STORAGE_DEADLINE_SECONDS
    assert STORAGE_DEADLINE_SECONDS < 2


async def test_each_request_has_its_own_time_budget() -> None:
    left: list[float] = []

    async def app(*_: object) -> None:
        own: Any = time_budget.get()
        left.append(own.left)
        own.spend(1)

    for _ in range(2):
        await RequestMiddleware(app)(cast(Scope, REQUEST), cast(Receive, None), cast(Send, None))
    assert left == [AUXILIARY_BUDGET_SECONDS] * 2
