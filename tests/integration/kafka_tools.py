"""Helpers for testing the Kafka adapters."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from adapters.kafka.stored_records import KafkaStoredRecords
from application.documents import Event
from application.ports.events import Delivery
from domain.ids import EventId
from tests.support.deadlines import LONG
from tests.support.messages import DECODER, ENCODER
from tests.support.orders import IDS, a_placed_order, a_user_id, rendered_write
from tests.support.time import NOW

TOPIC = "new_order"


def new_orders(count: int) -> list[Event]:
    return [rendered_write(a_placed_order(a_user_id())).event for _ in range(count)]


def next_of(event: Event) -> Event:
    """Return a later event for the same order and topic."""
    revision = event.revision + 1
    return replace(
        event,
        id=EventId(IDS.new(NOW)),
        revision=revision,
        payload=(event.payload or b"") + b" " * revision,
    )


def with_random_prefix(bootstrap: str) -> KafkaConnection:
    return KafkaConnection(bootstrap, topic_prefix=f"{uuid4().hex}.")


@asynccontextmanager
async def no_tasks_left() -> AsyncIterator[None]:
    """Assert that all tasks started in the block have ended and their failures were retrieved."""
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda _, context: None if _is_from_aiokafka(context) else failures.append(context)
    )
    before = _tasks()
    yield
    await until(lambda: _tasks() <= before)
    gc.collect()
    loop.set_exception_handler(None)
    assert not failures, failures


def _is_from_aiokafka(context: dict[str, Any]) -> bool:
    """Return whether the failure comes from one of aiokafka's own tasks, like a late commit."""
    task = context.get("future") or context.get("task")
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    return "aiokafka" in getattr(getattr(coroutine, "cr_code", None), "co_filename", "")


async def until(ready: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(LONG):
        while not ready():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


def _tasks() -> set[asyncio.Task[Any]]:
    """Return all running tasks, except for anyio's test runner and two producer tasks.

    If a producer is closed while its broker hangs, these two are left behind. In the service, the
    process ends at this point.
    """
    excluded = ("TestRunner", "Sender._sender_routine", "AIOKafkaClient._md_synchronizer")
    return {
        task
        for task in asyncio.all_tasks()
        if not any(name in repr(task.get_coro()) for name in excluded)
    }


class Kafka:
    """Adapters for one broker. They are closed at the end of the test."""

    def __init__(self, connection: KafkaConnection, stack: AsyncExitStack) -> None:
        self.connection = connection
        self._stack = stack

    def publisher(self, at_most: float = LONG) -> KafkaPublisher:
        publisher = KafkaPublisher(self.connection, ENCODER, at_most=at_most)
        self._stack.push_async_callback(publisher.close)
        return publisher

    def source(self, group: str = "group") -> KafkaSource:
        source = KafkaSource(self.connection, TOPIC, group)
        self._stack.push_async_callback(source.close)
        return source

    def records(self) -> KafkaStoredRecords:
        records = KafkaStoredRecords(self.connection, DECODER)
        self._stack.push_async_callback(records.close)
        return records

    async def make_topic(self, name: str, partitions: int, **settings: str) -> str:
        topic = self.connection.name(name)
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        async with self._admin() as admin:
            await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        return topic

    async def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until the broker no longer lists it."""
        topic = self.connection.name(name)
        async with asyncio.timeout(LONG), self._admin() as admin:
            await admin.delete_topics([topic])
            while topic in await admin.list_topics():  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.05)

    async def remove_before(self, offset: int, topic: str = TOPIC, partition: int = 0) -> None:
        """Remove a partition's records below this offset."""
        name = TopicPartition(self.connection.name(topic), partition)
        async with self._admin() as admin:
            await admin.delete_records({name: RecordsToDelete(before_offset=offset)})

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.connection.bootstrap_servers)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    async def read(self, count: int, topic: str = TOPIC) -> list[Any]:
        """Read the first messages in a topic with an independent consumer."""
        consumer = AIOKafkaConsumer(
            self.connection.name(topic),
            bootstrap_servers=self.connection.bootstrap_servers,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            async with asyncio.timeout(LONG):
                return [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()

    async def read_all(self, topic: str = TOPIC) -> list[Any]:
        """Read all messages in a topic with an independent consumer."""
        name, loop = self.connection.name(topic), asyncio.get_running_loop()
        async with (
            asyncio.timeout(LONG) as without_progress,
            AIOKafkaConsumer(
                name,
                bootstrap_servers=self.connection.bootstrap_servers,
                auto_offset_reset="earliest",
            ) as consumer,
        ):
            partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name)]
            count = sum((await consumer.end_offsets(partitions)).values())
            messages: list[Any] = []
            while len(messages) < count:
                for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                    messages += batch
                    without_progress.reschedule(loop.time() + LONG)
            return messages

    async def write(
        self, *messages: dict[str, Any], topic: str = TOPIC, compression_type: str | None = None
    ) -> None:
        """Send messages with another producer."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.connection.bootstrap_servers, compression_type=compression_type
        )
        await producer.start()
        try:
            for message in messages:
                await producer.send_and_wait(self.connection.name(topic), **message)
        finally:
            await producer.stop()

    async def write_unreadable(self, topic: str = TOPIC) -> None:
        """Send a message to partition 0 with a header whose name is not UTF-8."""
        name = self.connection.name(topic)
        async with AIOKafkaProducer(
            bootstrap_servers=self.connection.bootstrap_servers
        ) as producer:
            await producer.partitions_for(name)
            batch = producer.create_batch()
            batch.append(key=b"key", value=b"value", timestamp=None, headers=[("~name~", b"")])
            content = bytearray(batch._build()).replace(b"~name~", b"\xffname\xff")
            content[17:21] = calc_crc32c(content[21:]).to_bytes(4, "big")
            node = producer.client.cluster.leader_for_partition(TopicPartition(name, 0))
            [(_, [answer])] = (
                await producer.client.send(
                    node,
                    ProduceRequest(
                        transactional_id=None,
                        required_acks=-1,
                        timeout=5_000,
                        topics=[(name, [(0, bytes(content))])],
                    ),
                )
            ).topics
            assert answer[1] == 0


@asynccontextmanager
async def kafka_at(bootstrap: str) -> AsyncIterator[Kafka]:
    async with no_tasks_left(), AsyncExitStack() as stack:
        yield Kafka(with_random_prefix(bootstrap), stack)


async def publish_all(publisher: KafkaPublisher, events: Sequence[Event]) -> None:
    """Keep publishing until all events are acknowledged, like the relay does."""
    async with asyncio.timeout(LONG):
        while events:
            report = await publisher.publish(events)
            assert report.rejected == {}
            events = [event for event in events if event.id in report.unreached]
            await asyncio.sleep(0.1)


async def received(source: KafkaSource, count: int) -> list[Delivery]:
    """Receive this number of different deliveries. Leave the last batch uncommitted."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(LONG):
        while len({d.header("ce_id") or n for n, d in enumerate(deliveries)}) < count:
            if deliveries:
                await source.commit()
            deliveries += await source.receive()
    return deliveries


async def assert_nothing_received(source: KafkaSource, *, for_: float = 0.7) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(for_):
            raise AssertionError(await source.receive())


def ids(messages: Sequence[Delivery]) -> set[str]:
    return {event_id(message) for message in messages}


def event_id(message: Delivery) -> str:
    return (message.header("ce_id") or b"").decode()
