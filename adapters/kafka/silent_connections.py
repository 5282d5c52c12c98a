"""Detect silent brokers, both on open connections and while connecting."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from adapters.kafka.connection import KafkaConnection, greet

#: A connection is replaced if a response is pending and nothing arrives for this long.
SILENCE_SECONDS: Final = 1.5
#: Requests that the broker doesn't respond to until the group's other members have joined.
_GROUP_REQUESTS: Final = (JoinGroupRequest, SyncGroupRequest)

T = TypeVar("T")


def replace_silent_connections(client: AIOKafkaClient, connection: KafkaConnection) -> None:
    """Make a client close connections on which a response is pending but the broker is silent.

    aiokafka's own `request_timeout_ms` applies to a whole response, so it has to be long enough for
    large responses over slow networks and for the slowest member of a group. Silence can be
    detected earlier than that. If this happens, `client.send` raises `RequestTimedOutError` (just
    like aiokafka does), and its callers retry the request on a new connection. There's a handshake
    before each new connection because the client can only set up one of them at a time.
    """
    ask, connect = client.send, client._get_conn  # noqa: SLF001 - isn't public

    async def send(node: Any, request: Any, *, group: int = ConnectionGroup.DEFAULT) -> Any:
        if not await client.ready(node, group=group):
            raise NodeNotReadyError(f"broker {node} is unreachable")
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
            connected: AIOKafkaConnection | None = await connect(node, group=group, **options)
            if connected is not None:
                _translate_errors(connected)
            return connected
        client.force_metadata_update()
        return None

    client.send, client._get_conn = send, get_connection  # noqa: SLF001


def _translate_errors(connection: AIOKafkaConnection) -> None:
    """Make a write to a reset connection raise `KafkaConnectionError`, like all other failures.

    aiokafka does this for `OSError`, but uvloop raises `RuntimeError`. That would end the task that
    keeps the client's metadata up to date, and fail the client when it is closed.
    """
    if "send" in vars(connection):
        return  # this has already been done, because connections are used again
    send_on_open_transport = connection.send

    def send(request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - as there
        try:
            return send_on_open_transport(request, expect_response)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"the connection was reset: {error}") from error

    connection.send = send


async def why_unreached(
    client: AIOKafkaClient,
    connection: KafkaConnection,
    node: Any,
    group: int = ConnectionGroup.DEFAULT,
) -> str | None:
    """Return why a broker is unreachable, or None if it's responding or unknown."""
    known: AIOKafkaConnection | None = client._conns.get((node, group))  # noqa: SLF001
    if known is not None and known.connected():
        return None
    broker = client.cluster.broker_metadata(node)
    return broker and await greet(broker.host, broker.port, connection)


async def unless_silent(asking: Awaitable[T], received: Callable[[], int]) -> T:
    """Wait for a response for as long as more data keeps arriving.

    `received` returns the number of bytes that have arrived so far.

    Raises:
        TimeoutError: nothing has arrived for `SILENCE_SECONDS`.
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
    """Return how many bytes of incomplete responses have been received on a connection."""
    known = client._conns.get((node, group))  # noqa: SLF001
    reader = known and known._reader  # noqa: SLF001
    return len(reader._buffer) if reader else 0  # noqa: SLF001
