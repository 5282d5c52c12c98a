import asyncio
from contextlib import suppress

import pytest

from application.cancellation import heed_cancellation


async def swallowing() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


async def test_a_cancellation_that_was_swallowed_is_heard() -> None:
    async def work() -> None:
        await swallowing()
        heed_cancellation()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_was_taken_back_is_not() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    heed_cancellation()


async def test_who_was_not_asked_to_end_goes_on() -> None:
    heed_cancellation()


def test_outside_of_a_task_there_is_nothing_to_heed() -> None:
    loop = asyncio.new_event_loop()
    loop.call_soon(heed_cancellation)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
