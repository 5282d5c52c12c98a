"""The code in `docs/how-to/consumer.md`, executed."""

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.memory.bus import MemoryBus
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.process_once import ProcessOnce
from entrypoints.messaging.consumer import Consumer
from entrypoints.messaging.subscriptions import Subscription
from tests.support.deadlines import LONG
from tests.support.messages import ENCODER
from tests.support.orders import IDS
from tests.support.service import Service
from tests.support.storage_actions import place, process

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/consumer.md"
BLOCKS: Final = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def names() -> dict[str, Any]:
    """Return the names that the page's code defines."""
    defined: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), defined)  # noqa: S102 - our own page
    return defined


async def test_the_consumer_of_the_page_receives_each_event_once(names: dict[str, Any]) -> None:
    service, bus = Service(), MemoryBus(ENCODER)
    subscription: Subscription = names["SUBSCRIPTION"]
    stored = service.stored
    handler = names["CountProcessedOrder"](ProcessOnce(stored.storage, service.clock))
    dead_letter_message = DeadLetterMessage(
        stored.dead_letters, service.relay_wakeup, service.clock, IDS
    )
    consumer = Consumer(subscription.topic, handler, stored.known, dead_letter_message)
    source = bus.subscribe(subscription.topic, subscription.group)

    placed = await place(stored)
    processed = await process(stored, placed.record.id)
    await bus.publish([placed.event, processed.event, processed.event])

    task = asyncio.create_task(consumer.run(source))
    async with asyncio.timeout(LONG):
        while sum((await source.lag()).values()):  # noqa: ASYNC110 - the loop does not set an event
            await asyncio.sleep(0)
    task.cancel()
    assert handler.count == 1
    assert await stored.dead_letters.waiting(1) == []
