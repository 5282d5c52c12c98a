"""A worker in a separate process, to be killed. It writes the id of each task that it starts.

`python -m tests.integration.task_worker URL PREFIX FILE SECONDS`: each run takes SECONDS.
"""

import asyncio
import sys
from pathlib import Path

from adapters.taskiq.queue import PROCESS_ORDER
from adapters.taskiq.worker import work
from libraries.task_stream.broker import RedisStreamBroker


async def main(url: str, prefix: str, file: str, seconds: str) -> None:
    broker = RedisStreamBroker(url, prefix)

    async def process_order_task(order_id: str) -> None:
        await asyncio.to_thread(Path(file).write_text, order_id)
        await asyncio.sleep(float(seconds))

    broker.register_task(process_order_task, task_name=PROCESS_ORDER)
    await work(broker, asyncio.Event(), at_once=10, time_budget=0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
