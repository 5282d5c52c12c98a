"""What every request is given before anything looks at it."""

import asyncio
from typing import Any, cast

from litestar.types import Receive, Scope, Send

from application.patience import FOR_STORAGE, OF_A_REQUEST, patience, storage_deadline
from entrypoints.http.edge import Edge

REQUEST = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def test_a_request_waits_under_two_seconds_for_the_storage_from_its_beginning() -> None:
    deadlines: list[float] = []

    async def app(*_: object) -> None:
        deadlines.append(storage_deadline.get() or 0)

    clock = asyncio.get_running_loop().time
    earliest = clock()
    await Edge(app)(cast(Scope, REQUEST), cast(Receive, None), cast(Send, None))
    [deadline] = deadlines
    assert earliest + FOR_STORAGE <= deadline <= clock() + FOR_STORAGE
    assert FOR_STORAGE < 2


async def test_each_request_has_a_patience_of_its_own() -> None:
    left: list[float] = []

    async def app(*_: object) -> None:
        own: Any = patience.get()
        left.append(own.left)
        own.spend(1)

    for _ in range(2):
        await Edge(app)(cast(Scope, REQUEST), cast(Receive, None), cast(Send, None))
    assert left == [OF_A_REQUEST] * 2
