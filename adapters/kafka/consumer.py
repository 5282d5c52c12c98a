"""One membership of a group, from joining to leaving, even if the broker does not answer."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.silent_connections import replace_silent_connections

#: Milliseconds until a silent member is declared dead, and between its heartbeats.
_SESSION_MS, _HEARTBEAT_MS = 10_000, 1_000
#: Milliseconds for members to join again, and for an answer of the broker: it answers the first
#: member that joins when the last one has joined.
_REJOIN_MS, _REQUEST_MS = 6_000, 9_000
#: Maximum milliseconds between two polls of a member: no limit. While Redis is unavailable, no
#: member can process messages, so a rebalance would not help. aiokafka's own tasks keep the
#: membership alive, and fetch no more while fetched messages wait.
_MAX_POLL_INTERVAL_MS: Final = 2**31 - 1
#: Milliseconds between two requests for metadata. A topic that was created again, or a new
#: partition, may remain unread for that long.
_METADATA_AGE_MS: Final = 5_000
#: Seconds for the broker to answer a leaving member.
_LEAVE_SECONDS: Final = 2.0


async def join(
    connection: KafkaConnection, topic: str, group: str, listener: ConsumerRebalanceListener
) -> AIOKafkaConsumer:
    """Join the group and return the member, with its share of the partitions.

    Raises:
        KafkaError: joining failed.
    """
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        rebalance_timeout_ms=_REJOIN_MS,
        request_timeout_ms=_REQUEST_MS,
        metadata_max_age_ms=_METADATA_AGE_MS,
        max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
    )
    replace_silent_connections(consumer._client, connection)  # noqa: SLF001 - no public name
    try:
        consumer.subscribe([topic], listener=listener)
        await consumer.start()
    except BaseException:
        await leave(consumer)
        raise
    return consumer


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Leave the group; close the connections after 2 s even if the broker does not answer."""
    leaving = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait([leaving], timeout=_LEAVE_SECONDS)
    finally:
        if not leaving.done() or leaving.cancelled() or leaving.exception():
            await _cancel_tasks(consumer, leaving)


async def _cancel_tasks(consumer: AIOKafkaConsumer, leaving: asyncio.Task[None]) -> None:
    """Cancel the tasks that `stop` leaves if it fails, or waits for an unavailable broker.

    aiokafka has no public interface for this; its private attributes are used only here.
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
