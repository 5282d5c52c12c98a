"""A task worker without a supervisor."""

import asyncio

from libraries.task_stream.broker import RedisStreamBroker
from libraries.task_stream.worker import Worker


async def work(
    broker: RedisStreamBroker, stop: asyncio.Event, max_running: int, drain_seconds: float
) -> None:
    """Run tasks until `stop`."""
    worker = Worker(broker, max_running, drain_seconds)
    try:
        await worker.run(stop)
    finally:
        await worker.close()
