"""Detect a silent broker: on an open connection, and during the setup of one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from adapters.kafka.connection import KafkaConnection, greet

#: Seconds without a byte of a pending answer; then the connection is replaced.
SILENCE_SECONDS: Final = 1.5
#: Requests that the broker answers when the other members of the group have joined.
_GROUP_REQUESTS: Final = (JoinGroupRequest, SyncGroupRequest)

T = TypeVar("T")


def replace_silent_connections(client: AIOKafkaClient, connection: KafkaConnection) -> None:
    """Make a client close each connection with a pending answer and a silent broker.

    aiokafka's own `request_timeout_ms` limits a whole answer. It must allow for a large answer on a
    slow path, and for the slowest member of a group; silence can be detected earlier.
    `client.send` then raises `RequestTimedOutError`, as aiokafka does, and its callers repeat the
    request on a new connection. A connection is only set up after a handshake, because the client
    sets up one connection at a time.
    """
    ask, connect = client.send, client._get_conn  # noqa: SLF001 - has no public name

    async def send(node: Any, request: Any, *, group: int = ConnectionGroup.DEFAULT) -> Any:
        if not await client.ready(node, group=group):
            raise NodeNotReadyError(f"broker {node} is not reached")
        asking = ask(node, request, group=group)
        if isinstance(request, _GROUP_REQUESTS):
            return await asking
        try:
            return await unless_silent(asking, lambda: _received(client, node, group))
        except TimeoutError as error:
            if (silent := client._conns.get((node, group))) is not None:  # noqa: SLF001
                silent.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from error

    async def get_connection(
        node: Any, *, group: int = ConnectionGroup.DEFAULT, **options: Any
    ) -> AIOKafkaConnection | None:
        if await why_unreached(client, connection, node, group) is None:
            return await connect(node, group=group, **options)
        client.force_metadata_update()
        return None

    client.send, client._get_conn = send, get_connection  # noqa: SLF001


async def why_unreached(
    client: AIOKafkaClient,
    connection: KafkaConnection,
    node: Any,
    group: int = ConnectionGroup.DEFAULT,
) -> str | None:
    """Return the reason why a broker is out of reach; None if it answers or is unknown."""
    known: AIOKafkaConnection | None = client._conns.get((node, group))  # noqa: SLF001
    if known is not None and known.connected():
        return None
    broker = client.cluster.broker_metadata(node)
    return broker and await greet(broker.host, broker.port, connection)


async def unless_silent(asking: Awaitable[T], received: Callable[[], int]) -> T:
    """Return the answer; wait for it as long as more of it arrives.

    `received` returns the bytes that have arrived so far.

    Raises:
        TimeoutError: nothing arrived for `SILENCE_SECONDS`.
    """
    answer = asyncio.ensure_future(asking)
    try:
        before = None
        while not answer.done():
            if before == (now := received()):
                raise TimeoutError
            before = now
            await asyncio.wait([answer], timeout=SILENCE_SECONDS)
        return answer.result()
    finally:
        answer.cancel()


def _received(client: AIOKafkaClient, node: Any, group: int) -> int:
    """Return the number of received bytes of unfinished answers on a connection."""
    known = client._conns.get((node, group))  # noqa: SLF001
    reader = known and known._reader  # noqa: SLF001
    return len(reader._buffer) if reader else 0  # noqa: SLF001
