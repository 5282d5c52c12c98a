"""A connection that was reset fails its request, and not the task that sends it."""

from typing import Any, Final

import pytest
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.silent_connections import replace_silent_connections

_CLOSED: Final = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"


class _Connection:
    """A connection of aiokafka whose transport has been closed by a reset, on uvloop."""

    host, port = "127.0.0.1", 9092

    def __init__(self) -> None:
        self.closed_for: CloseReason | None = None

    def connected(self) -> bool:
        return True

    def send(self, *_: object) -> object:
        raise RuntimeError(_CLOSED)

    def close(self, reason: CloseReason) -> None:
        self.closed_for = reason


class _Client:
    """The parts of aiokafka's client that matter here."""

    def __init__(self) -> None:
        self.connection = _Connection()
        self._conns = {(1, 0): self.connection}

    async def _get_conn(self, _node: int, **_options: object) -> _Connection:
        return self.connection

    async def send(self, node: int, request: object, **options: object) -> object:
        return (await self._get_conn(node, **options)).send(request)


async def test_a_write_to_a_reset_connection_is_a_connection_error() -> None:
    client: Any = _Client()
    replace_silent_connections(client, KafkaConnection("127.0.0.1:9092"))
    for _ in range(2):  # connections are used again
        connection = await client._get_conn(1, group=0)
        with pytest.raises(KafkaConnectionError, match="handler is closed"):
            connection.send(b"request")
        assert connection.closed_for is CloseReason.CONNECTION_BROKEN
