"""The interface of a server that a test may stop, kill and freeze."""

from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """The servers that the service uses."""

    POSTGRES = "PostgreSQL"
    REDIS = "Redis"
    KAFKA = "Kafka"


class Unavailable(Exception):
    """A server is not available, for the given reason."""


class Server(Protocol):
    """A real server that a test may stop, kill and freeze. Its port and its `url` never change.

    Every method returns only when its effect is complete.
    """

    @property
    def url(self) -> str:
        """The address for clients: a URL, or Kafka's `host:port`."""

    def start(self, *, empty: bool = False) -> None:
        """Start the server and wait until it is ready, with its old data, or none if `empty`."""

    def stop(self) -> None:
        """Stop the server normally; its data stay."""

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a power cut would; its data stay as they are on disk."""

    def pause(self) -> None:
        """Freeze the server: the kernel keeps and accepts connections, nothing responds."""

    def resume(self) -> None:
        """End a pause."""

    def close(self) -> None:
        """Stop the server and delete its data."""
