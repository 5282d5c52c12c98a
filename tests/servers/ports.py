"""Reserved ports, and probes that check whether a server on a port is ready."""

import secrets
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

HOST = "127.0.0.1"

#: Below the range that Linux and macOS give to outgoing connections. A port in that range could be
#: taken by any client while its server is down.
RANGE = range(20_000, 32_000)


class Ports:
    """Ports that stay reserved while their server is down, so that it restarts on the same port.

    The reservation is a UDP socket on the same number. Every test run on this machine sees it, and
    the kernel releases it when this process ends.
    """

    def __init__(self, count: int) -> None:
        self._reservations = [_reserve() for _ in range(count)]
        self.numbers: Sequence[int] = [
            reservation.getsockname()[1] for reservation in self._reservations
        ]

    def release(self) -> None:
        """Release the reserved ports."""
        for reservation in self._reservations:
            reservation.close()


def _reserve() -> socket.socket:
    for _ in range(200):
        port = secrets.choice(RANGE)
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            reservation.bind((HOST, port))
            # Servers bind with this option as well: a port with connections in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return reservation
        reservation.close()
    raise OSError("no free port")


def _probe(port: int, request: bytes, length: int) -> bytes:
    """Send a request and return the first bytes of the response, or none if nothing listens."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(request)
        return connection.recv(length)
    return b""


def postgres_is_ready(port: int) -> bool:
    """Return whether PostgreSQL requests a password. While it starts, it sends an error."""
    startup = b"user\0postgres\0database\0postgres\0\0"
    return _probe(port, struct.pack(">ii", len(startup) + 8, 196_608) + startup, 1) == b"R"


def redis_is_ready(port: int) -> bool:
    """Return whether Redis has loaded its data."""
    return _probe(port, b"PING\r\n", 5) == b"+PONG"


def kafka_is_ready(port: int) -> bool:
    """Return whether the broker answers ApiVersions, which it does only once it is registered."""
    return _probe(port, struct.pack(">ihhih", 10, 18, 0, 7, -1), 8)[4:] == struct.pack(">i", 7)
