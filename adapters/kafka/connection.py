"""Where Kafka is, and whether it answers."""

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

#: Seconds until a broker must have said hello.
_GREETING: Final = 2.0
#: Seconds that the making of a client gets to end by itself when it is no longer wanted.
_UNHURRIED: Final = 1.0
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

#: A host and its port.
Address: TypeAlias = tuple[str, int]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The answer of a server: the addresses of all brokers, and topics as aiokafka decodes them."""

    server: Address
    brokers: Sequence[Address]
    topics: Sequence[Any]


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


async def reach(
    connection: KafkaConnection, topics: Sequence[str] = (), within: float | None = None
) -> Metadata:
    """Shake hands with a bootstrap server, and with a broker at the address that it advertises.

    The library's clients keep for themselves why they found nobody; and a client that is
    started only after this can be given up at any moment without leaving a connection behind.
    Return what the server knows of the brokers and of `topics`, which it does not make. Each has
    `within` seconds to answer.

    Raises:
        BrokerUnavailable: none answers; it says why not, for each.
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
    questions = [
        asyncio.create_task(_metadata(each, connection, topics, within)) for each in servers
    ]
    reasons = []
    try:
        for question in asyncio.as_completed(questions):
            answer = await question
            if isinstance(answer, Metadata):
                return answer
            reasons.append(answer)
    finally:
        for task in questions:
            task.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
    raise BrokerUnavailable("; ".join(reasons))


async def with_generous_deadlines(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`, which a cancellation waits for a moment before it ends it.

    aiokafka leaves a connection open whose making is canceled, and while it closes a client it
    keeps a cancellation to itself.
    """
    return await shield_for(_UNHURRIED, work)


async def greet(
    host: str, port: int, connection: KafkaConnection, within: float | None = None
) -> str | None:
    """Return why this broker cannot be reached `within` seconds; None if it can."""
    answer = await _metadata((host, port), connection, (), within)
    return None if isinstance(answer, Metadata) else answer


async def _metadata(
    server: Address, connection: KafkaConnection, topics: Sequence[str], within: float | None
) -> Metadata | str:
    """Return what a server knows, or why it cannot be reached."""
    host, port = server
    arguments = connection.arguments()
    del arguments["bootstrap_servers"]
    # Who skips the authentication is greeted all the same, and then hung up on.
    question = MetadataRequest([*topics], allow_auto_topic_creation=False)
    try:
        async with asyncio.timeout(within or _GREETING):
            await resolve_host(host, port)
            greeted = await create_conn(
                host, port, request_timeout_ms=round(_GREETING * 1000), **arguments
            )
            try:
                answer = await greeted.send(question)
            finally:
                await greeted.close()
    except (KafkaError, OSError) as error:
        return f"{host}:{port}: {reason_of(error)}"
    return Metadata(server, [(each[1], each[2]) for each in answer.brokers], answer.topics)


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
