"""The deadlines that apply to each request."""

import asyncio
from typing import Any, cast

from dishka import Provider, provide
from dishka import Scope as DependencyScope
from litestar.types import Receive, Scope, Send
from structlog.testing import capture_logs

from application.accounts.register import RegisterUser
from application.errors import NOTHING_CHANGED, Unavailable
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.middleware import RequestMiddleware
from libraries.asyncio_tools.time_budget import (
    AUXILIARY_BUDGET_SECONDS,
    STORAGE_DEADLINE_SECONDS,
    storage_deadline,
    time_budget,
)
from tests.support.app import running_app

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


class NoRoomProvider(Provider):
    """Provides accounts on a PostgreSQL whose disk is full."""

    @provide(scope=DependencyScope.APP)
    def register(self) -> RegisterUser:
        return cast(RegisterUser, fail_on_full_disk)


async def fail_on_full_disk(*_: object, **__: object) -> None:
    raise Unavailable(NOTHING_CHANGED) from OSError("No space left on device")


async def test_log_line_of_an_outage_has_its_cause() -> None:
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    with capture_logs() as lines:
        async with running_app("", MemoryStorageProvider(), NoRoomProvider()) as app:
            answer = await app.client.post("/register/", json=account)
    assert answer.status_code == 503
    assert "No space left" not in answer.text
    [line] = [line for line in lines if line.get("path") == "/register/"]
    assert (line["code"], line["cause"]) == ("unavailable", "No space left on device")
