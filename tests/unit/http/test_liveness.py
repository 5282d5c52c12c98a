"""`/health/` in a process with loops that have stopped or do not make progress."""

import asyncio

import pytest

from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.problems.responses import MEDIA_TYPE
from entrypoints.processes import supervisor as supervisor_module
from entrypoints.processes.supervisor import STALLED_SAMPLES, Supervisor
from tests.support.app import running_app
from tests.support.deadlines import LONG


async def hang() -> None:
    """Wait forever."""
    await asyncio.Event().wait()


async def test_a_process_with_a_stalled_loop_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "SAMPLE_SECONDS", LONG)
    async with running_app("", MemoryStorageProvider()) as app:
        supervisor = await app.container.get(Supervisor)
        supervisor.start("relay", hang)
        await asyncio.sleep(0)
        assert (await app.client.get("/health/")).json() == {"status": "ok"}
        for _ in range(STALLED_SAMPLES):
            supervisor.sample()
        answer = await app.client.get("/health/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == MEDIA_TYPE
        assert answer.json()["code"] == "not-alive"
        assert answer.json()["detail"].startswith("relay has made no progress")
        await supervisor.stop(0)
