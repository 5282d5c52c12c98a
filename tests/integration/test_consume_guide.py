"""The consumer in `docs/how-to/consume-our-events.md`, run on rehearsals."""

import asyncio
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.integration.rehearsals import a_topic, published
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG
from tests.support.readme import ROOT

PAGE: Final = (ROOT / "docs/how-to/consume-our-events.md").read_text(encoding="utf-8")
[CODE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

#: Mistakes: a piece of the code, and its replacement.
MISTAKES: Final = {
    "does not skip passed versions": (" WHERE excluded.version > passed.version", ""),
    "only skips repetitions of the newest version": (
        "excluded.version > passed.version",
        "excluded.version != passed.version",
    ),
    "does not check the type": ('if headers.get("ce_type") != TYPE.encode():', "if False:"),
}


class Crash(Exception):
    """Stands for the death of the process."""


class Consumer:
    """The page's consumer, with a topic and a group of its own."""

    def __init__(self, code: str, bootstrap: str, topic: str, database: Path) -> None:
        self.names: dict[str, Any] = {}
        exec(code, self.names)  # noqa: S102 - the page's own code
        self.names |= {"TOPIC": topic, "GROUP": f"group-{uuid4().hex}"}
        self._topic = topic
        self._bootstrap = bootstrap
        self._database = database

    async def run(self) -> None:
        await self.names["main"](self._bootstrap, str(self._database))

    async def run_until_committed(self, rehearsal: Mapping[str, Any]) -> None:
        """Run the consumer until it has committed every record of the rehearsal."""
        ends = {
            TopicPartition(self._topic, each["partition"]): each["offset"] + 1
            for each in rehearsal["records"]
        }
        committed = asyncio.Event()

        class Watched(AIOKafkaConsumer):  # type: ignore[misc]
            async def commit(self) -> None:
                await super().commit()
                if all([await self.committed(each) == end for each, end in ends.items()]):
                    committed.set()

        self.names["AIOKafkaConsumer"] = Watched
        running = asyncio.create_task(self.run())
        waiting = asyncio.create_task(committed.wait())
        try:
            async with asyncio.timeout(LONG):
                await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            waiting.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert committed.is_set()

    def state(self) -> tuple[Mapping[str, tuple[int, str, int]], int]:
        """Return version, status and number of changes by order, and the number of dead letters."""
        with closing(sqlite3.connect(self._database)) as store:
            rows = store.execute(
                "SELECT id, version, status, changes FROM orders JOIN passed ON id = order_id"
            )
            orders = {order_id: tuple(rest) for order_id, *rest in rows}
            [(dead_letters,)] = store.execute("SELECT count(*) FROM dead_letters")
        return orders, dead_letters


def expected(rehearsal: Mapping[str, Any]) -> tuple[Mapping[str, tuple[int, str, int]], int]:
    """Return the state in which a right consumer of status changes ends."""
    orders = {
        each["order"]: (
            each["version"],
            each["status"],
            sum(version > 1 for version in each["applied"]),
        )
        for each in rehearsal["expected"]["orders"]
    }
    return orders, rehearsal["expected"]["unreadable"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_consumer_of_the_page_ends_as_expected(
    kafka_server: Shared, tmp_path: Path, seed: int
) -> None:
    topic = a_topic()
    rehearsal = published(kafka_server.bootstrap, topic, "--seed", str(seed))
    consumer = Consumer(CODE, kafka_server.bootstrap, topic, tmp_path / "store")
    await consumer.run_until_committed(rehearsal)
    assert consumer.state() == expected(rehearsal)


async def test_a_crash_between_effect_and_commit_repeats_no_effect(
    kafka_server: Shared, tmp_path: Path
) -> None:
    topic = a_topic()
    rehearsal = published(kafka_server.bootstrap, topic)
    consumer = Consumer(CODE, kafka_server.bootstrap, topic, tmp_path / "store")
    handle = consumer.names["handle"]
    handled = []

    def crash_after(record: Any, store: sqlite3.Connection) -> None:
        handle(record, store)
        handled.append(record)
        if len(handled) == 40:
            raise Crash

    consumer.names["handle"] = crash_after
    with pytest.raises(Crash):
        async with asyncio.timeout(LONG):
            await consumer.run()
    await consumer.run_until_committed(rehearsal)
    assert len(handled) > len(rehearsal["records"])  # some arrived again
    assert consumer.state() == expected(rehearsal)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("orders", ["1", "20"])
async def test_a_rehearsal_catches_a_wrong_consumer(
    kafka_server: Shared, tmp_path: Path, mistake: str, orders: str
) -> None:
    topic = a_topic()
    rehearsal = published(kafka_server.bootstrap, topic, "--orders", orders)
    right, wrong = MISTAKES[mistake]
    assert CODE.count(right) == 1
    code = CODE.replace(right, wrong)
    consumer = Consumer(code, kafka_server.bootstrap, topic, tmp_path / "store")
    await consumer.run_until_committed(rehearsal)
    assert consumer.state() != expected(rehearsal)


async def test_a_consumer_without_dead_letters_stops_at_an_unreadable_record(
    kafka_server: Shared, tmp_path: Path
) -> None:
    topic = a_topic()
    published(kafka_server.bootstrap, topic)
    caught = "except (KeyError, TypeError, ValueError) as error:"
    assert CODE.count(caught) == 1
    code = CODE.replace(caught, "except ZeroDivisionError as error:")
    consumer = Consumer(code, kafka_server.bootstrap, topic, tmp_path / "store")
    with pytest.raises((KeyError, TypeError, ValueError)):
        async with asyncio.timeout(LONG):
            await consumer.run()
