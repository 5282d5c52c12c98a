"""Noticing that a broker has fallen silent: on an open connection, or when one is made."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from adapters.kafka.connection import KafkaConnection, greet

#: Seconds without a byte from a broker that owes an answer; then the connection is replaced.
SILENCE_SECONDS: Final = 1.5
#: Requests whose answers wait for the other members of a group.
_HELD_BACK: Final = (JoinGroupRequest, SyncGroupRequest)

T = TypeVar("T")


def replace_silent_connections(client: AIOKafkaClient, connection: KafkaConnection) -> None:
    """Let a client close each connection whose broker owes an answer and is silent.

    The library's own `request_timeout_ms` bounds a whole answer. It has to leave time for a large
    one on a slow path, and for the slowest member of a group; silence can be noticed earlier.
    `client.send` raises `RequestTimedOutError` then, as the library does, and its callers repeat
    the request on a new connection. That is made only to a broker that greets: meanwhile, no other
    connection of the client can be made.
    """
    ask, connect = client.send, client._get_conn  # noqa: SLF001 - has no public name

    async def send(node: Any, request: Any, *, group: int = ConnectionGroup.DEFAULT) -> Any:
        if not await client.ready(node, group=group):
            raise NodeNotReadyError(f"broker {node} is not reached")
        asking = ask(node, request, group=group)
        if isinstance(request, _HELD_BACK):
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
    """Return why a broker of the cluster cannot be reached; None if it can, or is not known."""
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
    """How many bytes of unfinished answers have come on a connection."""
    known = client._conns.get((node, group))  # noqa: SLF001
    reader = known and known._reader  # noqa: SLF001
    return len(reader._buffer) if reader else 0  # noqa: SLF001
