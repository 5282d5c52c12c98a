"""Where Kafka is, and whether it answers."""

import asyncio
import os
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from application.cancellation import look_up, uncanceled_for
from application.errors import BrokerUnavailable

#: Seconds until a broker must have said hello.
_GREETING: Final = 2.0
#: Seconds that the making of a client gets to end by itself when it is no longer wanted.
_UNHURRIED: Final = 1.0
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How Kafka is reached, and the prefix of all that is ours there.

    Raises:
        ValueError: the parts do not fit together, or the file of authorities cannot be read.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    topic_prefix: str = ""
    _ssl_context: ssl.SSLContext | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.security_protocol not in _PROTOCOLS:
            raise ValueError(f"the security protocol is one of {', '.join(_PROTOCOLS)}")
        if self._has_sasl and self._mechanism not in _MECHANISMS:
            raise ValueError(f"the SASL mechanism is one of {', '.join(_MECHANISMS)}")
        if self._has_sasl and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError("SASL needs a user name and a password")
        if self.security_protocol.endswith("SSL"):
            object.__setattr__(self, "_ssl_context", _trusting(self.ssl_cafile))

    def name(self, ours: str) -> str:
        """What a topic or a group of ours is called there."""
        return f"{self.topic_prefix}{ours}"

    def arguments(self) -> dict[str, Any]:
        """The same in aiokafka's words."""
        known: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context,
        }
        if self._has_sasl:
            known["sasl_mechanism"] = self._mechanism
            known["sasl_plain_username"] = self.sasl_username
            known["sasl_plain_password"] = self.sasl_password
        return known

    @property
    def _has_sasl(self) -> bool:
        return self.security_protocol.startswith("SASL")

    @property
    def _mechanism(self) -> str:
        return self.sasl_mechanism or "PLAIN"


async def reach(connection: KafkaConnection) -> None:
    """Shake hands with the first of the bootstrap servers that answers.

    The library's clients keep for themselves why they found nobody; and a client that is
    started only after this can be given up at any moment without leaving a connection behind.

    Raises:
        BrokerUnavailable: none answers; it says why not, for each.
    """
    hosts = collect_hosts(connection.bootstrap_servers)
    greetings = [asyncio.create_task(greet(host, port, connection)) for host, port, _ in hosts]
    reasons = []
    try:
        for greeting in asyncio.as_completed(greetings):
            reason = await greeting
            if reason is None:
                return
            reasons.append(reason)
    finally:
        for task in greetings:
            task.cancel()
        await asyncio.gather(*greetings, return_exceptions=True)
    raise BrokerUnavailable("; ".join(reasons))


async def unhurried(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`, which a cancellation waits for a moment before it ends it.

    aiokafka leaves a connection open whose making is canceled, and while it closes a client it
    keeps a cancellation to itself.
    """
    return await uncanceled_for(_UNHURRIED, work)


async def greet(host: str, port: int, connection: KafkaConnection) -> str | None:
    """Return why this broker cannot be reached; None if it can."""
    arguments = connection.arguments()
    del arguments["bootstrap_servers"]
    try:
        async with asyncio.timeout(_GREETING):
            await look_up(host, port)
            greeted = await create_conn(
                host, port, request_timeout_ms=round(_GREETING * 1000), **arguments
            )
            try:
                # Who skips the authentication is greeted all the same, and then hung up on.
                await greeted.send(MetadataRequest([]))
            finally:
                await greeted.close()
    except (KafkaError, OSError) as error:
        return f"{host}:{port}: {reason_of(error)}"
    return None


def reason_of(error: BaseException) -> str:
    """An error in words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _trusting(authorities: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise ValueError(f"the file of authorities, {authorities}: {reason_of(error)}") from None
