"""One membership of a group, from joining to leaving, also where the broker does not answer."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from adapters.kafka.connection import KafkaConnection

logger = logging.getLogger(__name__)

Records: TypeAlias = Mapping[TopicPartition, Sequence[ConsumerRecord]]

#: Messages that are received together.
_BATCH: Final = 200
#: Milliseconds until a silent member is declared dead, and between its signs of life.
_SESSION, _HEARTBEAT = 10_000, 1_000
#: Milliseconds that members have to join again, and that the broker may take to answer: it
#: answers who joins when the last has.
_REJOIN, _REQUEST = 6_000, 9_000
#: Milliseconds that a member may go without asking for more. For ever: while Redis is away its
#: messages can be given to nobody, and another member could do no better. aiokafka's own tasks
#: keep the membership, and fetch no more of a partition than what waits already.
_NOT_ASKING: Final = 2**31 - 1
#: Milliseconds that one question for messages waits.
_POLL: Final = 1_000
#: Seconds between two looks for single messages.
_ONE_BY_ONE: Final = 0.05
#: Seconds that the broker has for a goodbye.
_GOODBYE: Final = 2.0


class Stalled(Exception):
    """The consumer fetches no more, and would not have said so."""


async def joined(
    connection: KafkaConnection, topic: str, group: str, listener: ConsumerRebalanceListener
) -> AIOKafkaConsumer:
    """A member of the group, with its share of the partitions.

    Raises:
        KafkaError: there is none to be had.
    """
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=_SESSION,
        heartbeat_interval_ms=_HEARTBEAT,
        rebalance_timeout_ms=_REJOIN,
        request_timeout_ms=_REQUEST,
        max_poll_interval_ms=_NOT_ASKING,
        max_poll_records=_BATCH,
    )
    try:
        consumer.subscribe([topic], listener=listener)
        await consumer.start()
    except BaseException:
        await dismiss(consumer)
        raise
    return consumer


async def poll(consumer: AIOKafkaConsumer) -> Records:
    """The messages that are there, by partition; waits a little for some.

    Raises:
        KafkaError: the broker will give none to this member.
        Stalled: likewise, by the library's fault.
        UnicodeDecodeError: aiokafka cannot read one of them; with it, others of other partitions
            may be gone from this consumer. Dismiss it, and `poll_one_by_one` from the next.
    """
    if consumer._fetcher.error_future.done():  # noqa: SLF001 - it tells nobody, aiokafka #983
        raise Stalled("the consumer has stopped fetching")
    records: Records = await consumer.getmany(timeout_ms=_POLL)
    return records


async def poll_one_by_one(consumer: AIOKafkaConsumer) -> tuple[Records, bool]:
    """At most one message of each partition, and whether a stand-in is among them.

    The name of a header is any bytes to the broker, and text to aiokafka, which would stay before
    such a message for ever. An empty one stands for it.
    """
    records: dict[TopicPartition, Sequence[ConsumerRecord]] = {}
    found = False
    for partition in consumer.assignment():
        try:
            records.update(await consumer.getmany(partition, max_records=1))
        except UnicodeDecodeError:
            found = True
            offset = await consumer.position(partition)
            consumer.seek(partition, offset + 1)
            records[partition] = [_stand_in(partition, offset)]
    if not records:
        await asyncio.sleep(_ONE_BY_ONE)
    return records, found


def _stand_in(partition: TopicPartition, offset: int) -> ConsumerRecord:
    logger.error("a message cannot be read: %s, offset %d", partition, offset)
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=(),
    )


async def dismiss(consumer: AIOKafkaConsumer) -> None:
    """Leave the group at once; where the broker does not listen, go without a goodbye."""
    leaving = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait([leaving], timeout=_GOODBYE)
    finally:
        if not leaving.done() or leaving.cancelled() or leaving.exception():
            await _abandon(consumer, leaving)


async def _abandon(consumer: AIOKafkaConsumer, leaving: asyncio.Task[None]) -> None:
    """End what `stop` leaves running when it waits for a broker that is away, or fails.

    There is no public word for this, so the library's attributes are named here and only here.
    """
    tasks = [leaving, *_tasks_of(consumer)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await consumer._client.close()  # noqa: SLF001


def _tasks_of(consumer: AIOKafkaConsumer) -> Iterator[asyncio.Task[Any]]:
    if (coordinator := consumer._coordinator) is not None:  # noqa: SLF001
        names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
        yield from filter(None, (getattr(coordinator, name) for name in names))
    if (fetcher := consumer._fetcher) is not None:  # noqa: SLF001
        yield fetcher._fetch_task  # noqa: SLF001
        yield from fetcher._pending_tasks  # noqa: SLF001
