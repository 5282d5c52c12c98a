import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from application.ports.events import Delivery, Placement
from tests.integration.kafka_tools import (
    TOPIC,
    Kafka,
    assert_nothing_received,
    ids,
    kafka_at,
    new_orders,
    received,
    until,
)
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def kafka(kafka_server: Shared) -> AsyncIterator[Kafka]:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        yield kafka


async def published(kafka: Kafka, count: int) -> set[str]:
    """Publish this many events and return their ids."""
    events = new_orders(count)
    assert len((await kafka.publisher().publish(events)).acknowledged) == count
    return {str(event.id) for event in events}


async def committed(kafka: Kafka) -> int:
    """Return how many messages the group has committed, over all partitions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.connection.bootstrap_servers,
        group_id=kafka.connection.name("group"),
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        topic = kafka.connection.name(TOPIC)
        partitions = [TopicPartition(topic, n) for n in range(6)]
        return sum([await consumer.committed(partition) or 0 for partition in partitions])
    finally:
        await consumer.stop()


async def members(kafka: Kafka) -> list[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.connection.bootstrap_servers)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([kafka.connection.name("group")])
    finally:
        await admin.close()
    return [member[0] for member in answer.groups[0][5]]


async def test_a_new_group_starts_with_the_first_message(kafka: Kafka) -> None:
    sent = await published(kafka, 20)
    assert ids(await received(kafka.source(), 20)) == sent


async def test_a_receiver_can_be_canceled_while_it_joins(kafka: Kafka) -> None:
    # aiokafka's own `close` may swallow the cancellation, and then polling would never end.
    for moment in range(0, 150, 3):
        source = kafka.source()
        receiving = asyncio.create_task(source.receive())
        await asyncio.sleep(moment / 1000)
        receiving.cancel()
        ended, _ = await asyncio.wait([receiving], timeout=LONG)
        assert ended
        await source.close()


async def test_only_uncommitted_messages_are_received_again(kafka: Kafka) -> None:
    first = await published(kafka, 10)
    source = kafka.source()
    assert ids(await received(source, 10)) == first
    await source.commit()
    second = await published(kafka, 10)
    await source.receive()
    await source.close()
    assert await committed(kafka) == 10
    again = kafka.source()
    assert ids(await received(again, 10)) == second
    await again.commit()
    await assert_nothing_received(again)


async def test_a_closed_source_leaves_its_group_immediately(kafka: Kafka) -> None:
    await published(kafka, 1)
    source = kafka.source()
    await received(source, 1)
    assert len(await members(kafka)) == 1
    await source.close()
    assert await members(kafka) == []


async def test_messages_of_other_producers_are_returned_unchanged(kafka: Kafka) -> None:
    await kafka.make_topic(TOPIC, 1)
    await kafka.write(
        {"value": b"no key"},
        {"key": b"tombstone", "value": None},
        {
            "key": b"\xff",
            "value": b"\xff",
            "headers": [("odd", b"a\xffb"), ("none", None), ("odd", b"")],
        },
    )
    assert await received(kafka.source(), 3) == [
        Delivery(None, b"no key"),
        Delivery(b"tombstone", None),
        Delivery(b"\xff", b"\xff", (("odd", b"a\xffb"), ("none", None), ("odd", b""))),
    ]


async def test_undecodable_records_are_named_and_block_no_others(kafka: Kafka) -> None:
    topic = await kafka.make_topic(TOPIC, 2)
    for n in range(10):
        await kafka.write({"value": b"before %d" % n, "partition": n % 2})
    for _ in range(2):
        await kafka.write_unreadable()
    await kafka.write(*({"value": b"after %d" % n, "partition": n} for n in (0, 1)))
    source = kafka.source()
    deliveries = await received(source, 14)
    await source.commit()
    defective = [delivery for delivery in deliveries if delivery.defect]
    assert [delivery.placement for delivery in defective] == [Placement(0, 5), Placement(0, 6)]
    assert f"{topic}, partition 0, offset 5 cannot be decoded" in str(defective[0].defect)
    assert {(d.key, d.value, d.headers) for d in defective} == {(None, None, ())}
    for partition in (0, 1):
        arrived = [d for d in deliveries if d.placement and d.placement.log == partition]
        assert [d.placement and d.placement.offset for d in arrived] == [*range(len(arrived))]
        before = [b"before %d" % n for n in range(partition, 10, 2)]
        values = [d.value for d in arrived if not d.defect]
        assert values == [*before, b"after %d" % partition]
    assert await committed(kafka) == 14
    await assert_nothing_received(source)


async def test_an_undecodable_record_is_received_again_until_it_is_committed(
    kafka: Kafka,
) -> None:
    await kafka.make_topic(TOPIC, 1)
    await kafka.write_unreadable()
    source = kafka.source()
    first = await source.receive()
    assert first[0].defect
    assert await source.receive() == first
    await source.commit()
    await kafka.write({"value": b"after"})
    assert [delivery.value for delivery in await received(source, 1)] == [b"after"]


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_messages_of_every_compression_are_read(kafka: Kafka, codec: str) -> None:
    await kafka.make_topic(TOPIC, 1)
    values = [b"%d" % n * 10_000 for n in range(3)]
    await kafka.write(*({"value": value} for value in values), compression_type=codec)
    assert [delivery.value for delivery in await received(kafka.source(), 3)] == values


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_our_own_events_are_read_from_a_topic_that_compresses_them(
    kafka: Kafka, codec: str
) -> None:
    await kafka.make_topic(TOPIC, 1, compression_type=codec)
    sent = await published(kafka, 10)
    assert ids(await received(kafka.source(), 10)) == sent


async def test_members_share_partitions_and_take_over_from_each_other(kafka: Kafka) -> None:
    await kafka.make_topic(TOPIC, 3)
    sources = [kafka.source(), kafka.source()]
    got: list[list[Delivery]] = [[], []]

    async def consume(n: int) -> None:
        while True:
            got[n] += await sources[n].receive()
            await sources[n].commit()

    tasks = [asyncio.create_task(consume(n)) for n in (0, 1)]
    sent: set[str] = set()

    async def publish_until(ready: Any) -> None:
        async with asyncio.timeout(LONG):
            while not ready():
                sent.update(await published(kafka, 6))
                await asyncio.sleep(0.05)

    await publish_until(lambda: all(got))
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    await sources[0].close()
    share = len(got[1])
    await publish_until(lambda: len(got[1]) > share + 30)
    await until(lambda: ids([*got[0], *got[1]]) == sent)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])


async def test_messages_of_lost_partitions_are_not_committed(kafka: Kafka) -> None:
    await published(kafka, 30)
    slow = kafka.source()
    await slow.receive()
    other = kafka.source()
    await other.receive()
    await slow.commit()
    assert await committed(kafka) == 0


async def test_members_commit_their_messages_after_a_rebalance(
    kafka: Kafka,
) -> None:
    sent = await published(kafka, 30)
    sources = [kafka.source(), kafka.source()]
    await sources[0].receive()
    got = ids(await sources[1].receive())
    await sources[1].commit()
    async with asyncio.timeout(LONG):
        while got != sent:
            receiving = [asyncio.create_task(source.receive()) for source in sources]
            await asyncio.wait(receiving, return_when=asyncio.FIRST_COMPLETED)
            for task in receiving:
                task.cancel()
            await asyncio.wait(receiving)
            for source, task in zip(sources, receiving, strict=True):
                if not task.cancelled():
                    got |= ids(task.result())
                    await source.commit()
    assert await committed(kafka) == 30


async def test_a_late_commit_keeps_the_consumer(kafka: Kafka) -> None:
    await published(kafka, 1)
    source = kafka.source()
    await received(source, 1)
    consumer = source._consumer
    assert consumer

    async def too_late(_: object) -> None:
        raise CommitFailedError

    consumer.commit = too_late
    await source.commit()
    assert source._consumer is consumer


async def test_a_hanging_commit_ends_when_the_partitions_are_lost(kafka: Kafka) -> None:
    await published(kafka, 10)
    source = kafka.source()
    await source.receive()
    assert source._consumer
    # Simulate aiokafka being unable to send the commit. The broker would later accept it from any
    # member.
    source._consumer.commit = lambda _: asyncio.Event().wait()
    committing = asyncio.create_task(source.commit())
    await asyncio.sleep(0.1)
    assert not committing.done()
    other = kafka.source()
    await other.receive()
    async with asyncio.timeout(LONG):
        await committing
    assert await committed(kafka) == 0


async def test_a_consumer_that_stops_fetching_is_replaced(kafka: Kafka) -> None:
    sent = await published(kafka, 5)
    source = kafka.source()
    assert ids(await received(source, 5)) == sent
    await source.commit()
    assert source._consumer
    source._consumer._fetcher._fetch_task.cancel()  # aiokafka #983: the task ends without an error
    for _ in range(3):
        sent = await published(kafka, 5)
        assert ids(await received(source, 5)) == sent
        await source.commit()


async def test_a_slow_member_stays_in_the_group(kafka: Kafka) -> None:
    await published(kafka, 5)
    source = kafka.source()
    await received(source, 5)
    before = await members(kafka)
    waiting = await published(kafka, 5)
    await asyncio.sleep(2.5)
    assert await members(kafka) == before
    await source.commit()
    assert await committed(kafka) == 5
    assert ids(await received(source, 5)) == waiting


async def test_the_lag_counts_uncommitted_messages(kafka: Kafka) -> None:
    source = kafka.source()
    assert await source.lag() == {}
    await published(kafka, 20)
    deliveries = await source.receive()
    assert sum((await source.lag()).values()) == 20
    await source.commit()
    assert sum((await source.lag()).values()) == 20 - len(deliveries)
    await received(source, 20 - len(deliveries))
    await source.commit()
    assert await source.lag() == dict.fromkeys(range(6), 0)


async def test_an_empty_commit_is_allowed(kafka: Kafka) -> None:
    source = kafka.source()
    await source.commit()
    await published(kafka, 1)
    await received(source, 1)
    await source.commit()
    await source.commit()
    assert await committed(kafka) == 1
