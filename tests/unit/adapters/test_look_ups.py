"""Canceled attempts to connect to an unknown host do not leave a look-up running."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from adapters.kafka.connection import KafkaConnection, greet
from adapters.postgres.connector import Connector
from libraries.redis_client.connection import ConnectionFactory
from libraries.task_stream.connections import QueueConnections

Connect = Callable[[], Awaitable[object]]

_TURNS = 20  # of the event loop, which is more than enough to begin a look-up


async def postgres() -> None:
    await Connector("postgresql://ada@nowhere.invalid/orders").connect()


async def redis() -> None:
    await ConnectionFactory("redis://nowhere.invalid", 2.0).new().open()


async def queue() -> None:
    await QueueConnections("redis://nowhere.invalid").client()


async def kafka() -> None:
    await greet("nowhere.invalid", 9092, KafkaConnection("nowhere.invalid:9092"))


@pytest.mark.parametrize("connect", [postgres, redis, queue, kafka])
def test_a_canceled_connect_leaves_no_unretrieved_lookup(connect: Connect) -> None:
    complaints: list[dict[str, Any]] = []

    async def cancel_in_every_turn() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        for turns in range(_TURNS):
            attempt = asyncio.ensure_future(connect())
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        with suppress(Exception):  # look-ups end in order, so after this one all others have ended
            await connect()
        gc.collect()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(cancel_in_every_turn())
    assert complaints == []
