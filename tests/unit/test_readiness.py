"""Readiness: its states and reasons, and one check that many callers share."""

import asyncio

import pytest

from entrypoints.composition.remedies import naming, with_remedy_of_redis
from entrypoints.observability import readiness
from entrypoints.observability.readiness import Readiness


async def fine() -> None:
    pass


async def refused() -> None:
    raise ConnectionRefusedError("cannot reach redis://ada:secret@db/0\n(refused)")


async def test_status_follows_from_required_and_optional_checks() -> None:
    assert (await Readiness({"a": fine}, {"b": fine})()).status == "ok"
    degraded = await Readiness({"a": fine}, {"b": refused})()
    assert (degraded.status, degraded.checks) == ("degraded", {"a": "ok", "b": "down"})
    assert degraded.reasons == {"b": "cannot reach redis://db/0 (refused)"}
    assert (await Readiness({"a": refused}, {"b": refused})()).status == "down"


async def test_check_without_an_answer_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_CHECK_SECONDS", 0.01)
    report = await Readiness({"a": asyncio.Event().wait}, {})()
    assert report.reasons == {"a": "no answer within 0.01 s"}


async def test_callers_share_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0

    async def check() -> None:
        nonlocal checks
        checks += 1
        await asyncio.sleep(0)

    monkeypatch.setattr(readiness, "_SHARED_SECONDS", 1_000.0)
    ready = Readiness({"a": check}, {})
    await asyncio.gather(*(ready() for _ in range(20)))
    await ready()
    assert checks == 1
    monkeypatch.setattr(readiness, "_SHARED_SECONDS", 0.0)
    await ready()
    assert checks == 2


async def test_canceled_caller_does_not_cancel_the_shared_report() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def check() -> None:
        begun.set()
        await end.wait()

    ready = Readiness({"a": check}, {})
    first, other = asyncio.create_task(ready()), asyncio.create_task(ready())
    await begun.wait()
    first.cancel()
    end.set()
    assert (await other).status == "ok"


async def test_reason_names_the_setting_and_the_root_cause() -> None:
    async def check() -> None:
        try:
            await refused()
        except ConnectionRefusedError as error:
            raise RuntimeError("unavailable") from error

    report = await Readiness({"postgresql": naming("DATABASE_URL", check)}, {})()
    assert report.reasons["postgresql"].startswith("DATABASE_URL: cannot reach")


async def test_error_of_redis_has_a_remedy() -> None:
    async def check() -> None:
        raise RuntimeError("OOM command not allowed when used memory > 'maxmemory'.")

    report = await Readiness({}, {"redis": with_remedy_of_redis(check)})()
    assert report.reasons["redis"].startswith("REDIS_URL: Redis is full and refuses writes: raise")
