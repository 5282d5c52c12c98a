import asyncio
import socket
from contextlib import suppress

import pytest

from libraries.asyncio_tools.cancellation import raise_if_cancelled, resolve_host, shield_for
from tests.support.deadlines import LONG


async def swallowing() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


async def test_a_swallowed_cancellation_is_raised_again() -> None:
    async def work() -> None:
        await swallowing()
        raise_if_cancelled()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_uncanceled_timeout_is_not_raised() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    raise_if_cancelled()


async def test_a_task_that_was_not_canceled_continues() -> None:
    raise_if_cancelled()


def test_outside_of_a_task_nothing_is_raised() -> None:
    loop = asyncio.new_event_loop()
    loop.call_soon(raise_if_cancelled)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


async def test_canceled_work_has_time_to_end() -> None:
    began, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await may_end.wait()
        ended.set()

    task = asyncio.create_task(shield_for(LONG, work()))
    await began.wait()
    for _ in range(3):  # like anyio does
        task.cancel()
        await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_late_work_is_canceled() -> None:
    began, canceled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()

    task = asyncio.create_task(shield_for(0.01, work()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert canceled.is_set()


async def test_the_result_of_uncanceled_work_is_returned() -> None:
    async def work() -> int:
        return 42

    assert await shield_for(LONG, work()) == 42


async def test_the_error_names_an_unknown_host() -> None:
    await resolve_host("127.0.0.1", 5432)
    with pytest.raises(socket.gaierror, match=r"the host nowhere\.invalid: "):
        await resolve_host("nowhere.invalid", 5432)
