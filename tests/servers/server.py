"""What a test may ask of a server, and what is said when there is none."""

from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """The servers that the service stands on."""

    POSTGRES = "PostgreSQL"
    REDIS = "Redis"
    KAFKA = "Kafka"


class Unavailable(Exception):
    """A server cannot be had, for the reason given."""


class Server(Protocol):
    """A real server that a test may hurt. Its port, and with it `url`, never changes.

    Every method returns only when what it says has happened.
    """

    @property
    def url(self) -> str:
        """What a client is given: a URL, or Kafka's `host:port`."""

    def start(self, *, empty: bool = False) -> None:
        """Start and wait until it serves, with the data it had, or with none when `empty`."""

    def stop(self) -> None:
        """Ask it to end, as an operator would; its data stays."""

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, no goodbye; its data stays as it lies on disk."""

    def pause(self) -> None:
        """Hang it: connections stay open, new ones are taken by the kernel, nothing is answered."""

    def resume(self) -> None:
        """End a pause."""

    def close(self) -> None:
        """End it and its data for good."""
