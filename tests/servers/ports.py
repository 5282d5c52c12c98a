"""Ports of a server's own, and the questions that tell whether it serves."""

import secrets
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

HOST = "127.0.0.1"

#: Below the range that Linux and macOS give to outgoing connections. A port from that range could
#: be taken by any client while its server is down, even by one that is trying to reach it.
RANGE = range(20_000, 32_000)


class Ports:
    """Ports that stay claimed while their server is down: it comes back where it was.

    The claim is a UDP socket on the same number, seen by every other harness on this machine and
    released by the kernel however this process ends.
    """

    def __init__(self, count: int) -> None:
        self._claims = [_claim() for _ in range(count)]
        self.numbers: Sequence[int] = [claim.getsockname()[1] for claim in self._claims]

    def release(self) -> None:
        """Let others have them."""
        for claim in self._claims:
            claim.close()


def _claim() -> socket.socket:
    for _ in range(200):
        port = secrets.choice(RANGE)
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            claim.bind((HOST, port))
            # As servers bind, so that a port with old connections in TIME_WAIT is free for both.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return claim
        claim.close()
    raise OSError("no free port")


def _ask(port: int, question: bytes, length: int) -> bytes:
    """The first bytes of the answer, or none when there is nobody to ask."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(question)
        return connection.recv(length)
    return b""


def postgres_answers(port: int) -> bool:
    """Whether PostgreSQL asks who we are; while it starts or recovers, it sends an error."""
    hello = b"user\0postgres\0database\0postgres\0\0"
    return _ask(port, struct.pack(">ii", len(hello) + 8, 196_608) + hello, 1) == b"R"


def redis_answers(port: int) -> bool:
    """Whether Redis is past loading its data."""
    return _ask(port, b"PING\r\n", 5) == b"+PONG"


def kafka_answers(port: int) -> bool:
    """Whether the broker answers ApiVersions; it takes requests only once it is registered."""
    return _ask(port, struct.pack(">ihhih", 10, 18, 0, 7, -1), 8)[4:] == struct.pack(">i", 7)
