"""One membership of a group, from joining to leaving, also where the broker does not answer."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.silent_connections import replace_silent_connections

#: Milliseconds until a silent member is declared dead, and between its signs of life.
_SESSION, _HEARTBEAT = 10_000, 1_000
#: Milliseconds that members have to join again, and that the broker may take to answer: it
#: answers who joins when the last has.
_REJOIN, _REQUEST = 6_000, 9_000
#: Milliseconds that a member may go without asking for more. For ever: while Redis is away its
#: messages can be given to nobody, and another member could do no better. aiokafka's own tasks
#: keep the membership, and fetch no more of a partition than what waits already.
_NOT_ASKING: Final = 2**31 - 1
#: Milliseconds between two requests for metadata: so long may a topic that was made again, or a new
#: partition, remain unread.
_METADATA_AGE_MS: Final = 5_000
#: Seconds that the broker has for a goodbye.
_GOODBYE: Final = 2.0


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
        metadata_max_age_ms=_METADATA_AGE_MS,
        max_poll_interval_ms=_NOT_ASKING,
    )
    replace_silent_connections(consumer._client, connection)  # noqa: SLF001 - no public name
    try:
        consumer.subscribe([topic], listener=listener)
        await consumer.start()
    except BaseException:
        await dismiss(consumer)
        raise
    return consumer


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
