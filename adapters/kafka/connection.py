"""Kafka connection settings, and a check that Kafka is responding."""

import asyncio
import os
import ssl
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from application.errors import BrokerUnavailable
from libraries.asyncio_tools.cancellation import resolve_host, shield_for

#: How long a broker may take to respond to the first request on a connection.
_HANDSHAKE_SECONDS: Final = 2.0
#: How long a connection setup may continue after it was canceled.
_CANCEL_SECONDS: Final = 1.0
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

#: A host and a port.
Address: TypeAlias = tuple[str, int]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metadata:
    """A server's response with the addresses of all brokers, and topics as decoded by aiokafka."""

    server: Address
    brokers: Sequence[Address]
    topics: Sequence[Any]


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Settings for connecting to Kafka, and the prefix for our topics and groups.

    Raises:
        ValueError: the settings contradict each other, or the CA file can't be read.
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
            object.__setattr__(self, "_ssl_context", _ssl_context_of(self.ssl_cafile))

    def name(self, ours: str) -> str:
        """Add the prefix to the name of a topic or a group."""
        return f"{self.topic_prefix}{ours}"

    def arguments(self) -> dict[str, Any]:
        """Return the settings as arguments for aiokafka's clients."""
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


async def reach(
    connection: KafkaConnection, topics: Sequence[str] = (), within: float | None = None
) -> Metadata:
    """Connect to a bootstrap server, and to a broker at its advertised address.

    Return the server's metadata for the brokers and for `topics`, without creating missing topics.
    Each server has `within` seconds to respond. There are two reasons for this check. aiokafka's
    clients don't report why they can't connect, and they leave a connection open if they are
    canceled while connecting, unless this check has succeeded before.

    Raises:
        BrokerUnavailable: none of the servers responded. The message contains all reasons.
    """
    hosts = collect_hosts(connection.bootstrap_servers)
    servers = [(host, port) for host, port, _ in hosts]
    metadata = await _first_answer(servers, connection, topics, within)
    if not metadata.brokers:
        raise BrokerUnavailable("Kafka has no broker yet")
    if metadata.server not in metadata.brokers:
        try:
            await _first_answer(metadata.brokers, connection, (), within)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(f"Kafka advertises brokers out of reach: {error}") from error
    return metadata


async def _first_answer(
    servers: Sequence[Address],
    connection: KafkaConnection,
    topics: Sequence[str],
    within: float | None,
) -> Metadata:
    requests = [
        asyncio.create_task(_metadata(each, connection, topics, within)) for each in servers
    ]
    reasons = []
    try:
        for request in asyncio.as_completed(requests):
            answer = await request
            if isinstance(answer, Metadata):
                return answer
            reasons.append(answer)
    finally:
        for task in requests:
            task.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
    raise BrokerUnavailable("; ".join(reasons))


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`. If this is canceled, give the work one second before canceling it as well.

    This is necessary because aiokafka leaks a connection if its setup is canceled. It also swallows
    cancellations while closing a client.
    """
    return await shield_for(_CANCEL_SECONDS, work)


async def greet(
    host: str, port: int, connection: KafkaConnection, within: float | None = None
) -> str | None:
    """Return why this broker didn't respond `within` seconds, or None if it did."""
    answer = await _metadata((host, port), connection, (), within)
    return None if isinstance(answer, Metadata) else answer


async def _metadata(
    server: Address, connection: KafkaConnection, topics: Sequence[str], within: float | None
) -> Metadata | str:
    """Return a server's metadata, or the reason why it's unreachable."""
    host, port = server
    arguments = connection.arguments()
    del arguments["bootstrap_servers"]
    # Connecting alone doesn't prove anything. If a server requires authentication, it accepts
    # connections without it, but closes them when it receives the first request.
    request = MetadataRequest([*topics], allow_auto_topic_creation=False)
    try:
        async with asyncio.timeout(within or _HANDSHAKE_SECONDS):
            await resolve_host(host, port)
            connected = await create_conn(
                host, port, request_timeout_ms=round(_HANDSHAKE_SECONDS * 1000), **arguments
            )
            try:
                answer = await connected.send(request)
            finally:
                await connected.close()
    except (KafkaError, OSError) as error:
        return f"{host}:{port}: {reason_of(error)}"
    return Metadata(server, [(each[1], each[2]) for each in answer.brokers], answer.topics)


def reason_of(error: BaseException) -> str:
    """Describe an error."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _ssl_context_of(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise ValueError(f"the CA file {cafile}: {reason_of(error)}") from None
