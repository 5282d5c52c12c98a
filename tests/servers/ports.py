"""Reserve ports, and probe whether a server on a port is ready."""

import secrets
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

HOST = "127.0.0.1"

#: Below the range that Linux and macOS use for outgoing connections. Any client could take a port
#: in that range while the server is down.
RANGE = range(20_000, 32_000)


class Ports:
    """Ports that stay reserved while a server is down, which lets it restart on the same port.

    A port is reserved by a UDP socket with the same number. All test runs on this machine can see
    it, and the kernel releases it when this process ends.
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
            # Servers use this option too. A port with connections in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return reservation
        reservation.close()
    raise OSError("no free port")


def _probe(port: int, request: bytes, length: int) -> bytes:
    """Send a request and return the first bytes of the response, or `b""` without a server."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(request)
        return connection.recv(length)
    return b""


def postgres_is_ready(port: int) -> bool:
    """Return whether PostgreSQL requests a password. It sends an error while it is starting."""
    startup = b"user\0postgres\0database\0postgres\0\0"
    return _probe(port, struct.pack(">ii", len(startup) + 8, 196_608) + startup, 1) == b"R"


def redis_is_ready(port: int) -> bool:
    """Return whether Redis has finished loading its data."""
    return _probe(port, b"PING\r\n", 5) == b"+PONG"


def kafka_is_ready(port: int) -> bool:
    """Return whether the broker responds to ApiVersions. It only does so once it is registered."""
    return _probe(port, struct.pack(">ihhih", 10, 18, 0, 7, -1), 8)[4:] == struct.pack(">i", 7)
