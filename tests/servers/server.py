"""The interface for servers that a test may stop, kill and freeze."""

from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """The kinds of servers that the service uses."""

    POSTGRES = "PostgreSQL"
    REDIS = "Redis"
    KAFKA = "Kafka"


class Unavailable(Exception):
    """A server is not available. The message is the reason."""


class Server(Protocol):
    """A real server that a test may stop, kill and freeze. Its port and its `url` never change.

    Methods only return once their effect is complete.
    """

    @property
    def url(self) -> str:
        """The address for clients, either a URL or Kafka's `host:port`."""

    def start(self, *, empty: bool = False) -> None:
        """Start the server and wait until it is ready. Keep its old data unless `empty` is set."""

    def stop(self) -> None:
        """Stop the server normally and keep its data."""

    def kill(self) -> None:
        """Kill the server with SIGKILL, like in a power cut. Leave its data on disk as it is."""

    def pause(self) -> None:
        """Freeze the server. The kernel keeps and accepts connections, but nothing responds."""

    def resume(self) -> None:
        """Resume a frozen server."""

    def close(self) -> None:
        """Stop the server and delete its data."""
