"""Join and leave a consumer group, even if the broker isn't responding."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.silent_connections import replace_silent_connections

#: Milliseconds until a silent member is declared dead, and between its heartbeats.
_SESSION_MS, _HEARTBEAT_MS = 10_000, 1_000
#: Milliseconds for members to rejoin, and for the broker to respond to a request. The second must
#: be longer because the first member to join gets its response when the last one has joined.
_REJOIN_MS, _REQUEST_MS = 6_000, 9_000
#: The time between two polls is practically unlimited. While Redis is unavailable, none of the
#: members can process messages, so rebalancing wouldn't help. aiokafka's own tasks keep the
#: membership alive, and they stop fetching while fetched messages are waiting.
_MAX_POLL_INTERVAL_MS: Final = 2**31 - 1
#: Milliseconds between two metadata requests. New partitions and recreated topics may go unnoticed
#: for this long.
_METADATA_AGE_MS: Final = 5_000
#: The coordinator's tasks, with the only one that a consumer without a group has at the end.
_COORDINATOR_TASKS: Final = (
    "_coordination_task",
    "_heartbeat_task",
    "_commit_refresh_task",
    "_reset_committed_task",
)
#: How long to wait for the broker's response when leaving.
_LEAVE_SECONDS: Final = 2.0


async def join(
    connection: KafkaConnection, topic: str, group: str, listener: ConsumerRebalanceListener
) -> AIOKafkaConsumer:
    """Join the group and return the new member.

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
    consumer.subscribe([topic], listener=listener)
    await start(consumer, connection)
    return consumer


async def start(consumer: AIOKafkaConsumer, connection: KafkaConnection) -> None:
    """Connect a new consumer, with silent connections replaced. Close it if this fails.

    Raises:
        KafkaError: connecting or joining failed.
    """
    replace_silent_connections(consumer._client, connection)  # noqa: SLF001 - isn't public
    try:
        await consumer.start()
    except BaseException:
        await leave(consumer)
        raise


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Leave the group. If the broker doesn't respond, close the connections after 2 s."""
    leaving = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait([leaving], timeout=_LEAVE_SECONDS)
    finally:
        if not leaving.done() or leaving.cancelled() or leaving.exception():
            await _cancel_tasks(consumer, leaving)


async def _cancel_tasks(consumer: AIOKafkaConsumer, leaving: asyncio.Task[None]) -> None:
    """Cancel the tasks that `stop` leaves behind if it fails or waits for an unavailable broker.

    This has to use private attributes because aiokafka doesn't have a public API for it.
    """
    client = consumer._client  # noqa: SLF001
    tasks = [leaving, *_tasks_of(consumer), *filter(None, [client._sync_task])]  # noqa: SLF001
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    client._sync_task = None  # noqa: SLF001 - closing the client would raise its failure
    await client.close()


def _tasks_of(consumer: AIOKafkaConsumer) -> Iterator[asyncio.Task[Any]]:
    if (coordinator := consumer._coordinator) is not None:  # noqa: SLF001
        yield from filter(None, (getattr(coordinator, name, None) for name in _COORDINATOR_TASKS))
    if (fetcher := consumer._fetcher) is not None:  # noqa: SLF001
        yield fetcher._fetch_task  # noqa: SLF001
        yield from fetcher._pending_tasks  # noqa: SLF001
