"""Requests past the capacity are a 503 with Retry-After, and change nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, cast

import httpx
import pytest
from structlog.testing import capture_logs

from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http import overload
from entrypoints.http.cors import CorsMiddleware
from entrypoints.http.middleware import RequestMiddleware
from entrypoints.http.overload import LIMIT_CONFIG, OverloadMiddleware
from entrypoints.http.problems.responses import MEDIA_TYPE
from entrypoints.observability.metrics import table
from tests.support.app import running_app
from tests.support.deadlines import LONG

CAPACITY: Final = 3


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the limit to `CAPACITY` and keep it there."""
    config = replace(
        LIMIT_CONFIG, minimum=CAPACITY, initial=CAPACITY, maximum=CAPACITY, interval_seconds=0.01
    )
    monkeypatch.setattr(overload, "LIMIT_CONFIG", config)


class Work:
    """An application in which each request waits until it may finish."""

    def __init__(self) -> None:
        self.may_finish = asyncio.Event()
        self.is_full = asyncio.Event()
        self.started = 0

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.started += 1
        if self.started == CAPACITY:
            self.is_full.set()
        if scope["path"] == "/orders/":
            await self.may_finish.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def a_full_service(work: Work) -> AsyncIterator[httpx.AsyncClient]:
    """Run a service with as many requests in flight as it admits, and finish them at the end."""
    app = RequestMiddleware(CorsMiddleware(OverloadMiddleware(work), ["https://shop.example"]))
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        admitted = [asyncio.create_task(client.post("/orders/")) for _ in range(CAPACITY)]
        async with asyncio.timeout(LONG):
            await work.is_full.wait()
        yield client
        work.may_finish.set()
        assert {(await each).status_code for each in admitted} == {204}


async def test_request_past_the_capacity_is_refused_before_it_starts() -> None:
    work = Work()
    async with a_full_service(work) as client:
        answer = await client.post("/orders/", headers={"Origin": "https://shop.example"})
        assert work.started == CAPACITY
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == MEDIA_TYPE
        assert answer.headers["X-Request-Id"]
        # A page can only read the problem with this header.
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.json()["code"] == "overloaded"
        assert answer.json()["detail"].endswith("Nothing was changed.")


@pytest.mark.parametrize("path", ["/health/", "/health/ready/", "/metrics"])
async def test_requests_about_the_state_of_the_process_are_always_served(path: str) -> None:
    async with a_full_service(Work()) as client:
        assert (await client.get("/")).status_code == 503
        assert (await client.get(path)).status_code == 204


async def test_refused_requests_are_counted_and_logged_as_a_whole() -> None:
    before = _shed()
    with capture_logs() as lines:
        async with a_full_service(Work()) as client:
            for _ in range(5):
                assert (await client.post("/orders/")).status_code == 503
            async with asyncio.timeout(LONG):
                while not any("refused" in line for line in lines):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.001)
            assert _shed() == before + 5
            assert table.REQUEST_LIMIT._value.get() == CAPACITY
            assert table.REQUESTS_IN_FLIGHT._value.get() == CAPACITY
    warnings = [line for line in lines if line["log_level"] == "warning"]
    begun, ended = (line["event"] for line in warnings)
    assert (begun, ended) == ("overloaded: refusing requests", "no longer overloaded")
    assert warnings[1]["refused"] == 5
    refusals = [line for line in lines if line.get("code") == "overloaded"]
    assert {line["log_level"] for line in refusals} == {"debug"}


def _shed() -> float:
    return float(table.REQUESTS_SHED._value.get())


async def test_every_finished_request_makes_room_even_if_it_failed() -> None:
    async with running_app("", MemoryStorageProvider()) as app:
        for _ in range(2 * CAPACITY):
            assert (await app.client.post("/orders/", content=b"{")).status_code in {400, 401}
        assert (await app.client.get("/")).status_code == 200
