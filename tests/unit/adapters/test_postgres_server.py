"""Opening a connection to PostgreSQL: how an attempt ends."""

import asyncio
import gc
from typing import Any

import uvloop

from adapters.postgres.connection import Server
from application.errors import Unavailable


def test_an_attempt_given_up_leaves_no_look_up_behind() -> None:
    """A look-up that fails after its attempt has ended is not an unretrieved exception."""
    complaints: list[dict[str, Any]] = []

    async def give_up_looking() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        for _ in range(5):
            attempt = asyncio.create_task(Server("postgresql://ada@nowhere.invalid/x").connect())
            for _ in range(3):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        try:  # the look-ups of one loop end in their order
            await Server("postgresql://ada@nowhere.invalid/x").connect()
        except Unavailable:
            gc.collect()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(give_up_looking())
    assert complaints == []
