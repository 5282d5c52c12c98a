"""A worker process that tests can kill. It writes the id of every task that it starts to a file.

Usage: `python -m tests.integration.task_worker URL PREFIX FILE SECONDS`. Each run takes SECONDS.
"""

import asyncio
import sys
from pathlib import Path

from adapters.taskiq.queue import PROCESS_ORDER
from adapters.taskiq.retry_policy import ProcessingRetryPolicy
from libraries.task_stream.broker import RedisStreamBroker
from tests.support.worker import work


async def main(url: str, prefix: str, file: str, seconds: str) -> None:
    broker = RedisStreamBroker(url, prefix, ProcessingRetryPolicy())

    async def process_order_task(order_id: str) -> None:
        await asyncio.to_thread(Path(file).write_text, order_id)
        await asyncio.sleep(float(seconds))

    broker.register_task(process_order_task, task_name=PROCESS_ORDER)
    await work(broker, asyncio.Event(), max_running=10, drain_seconds=0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
