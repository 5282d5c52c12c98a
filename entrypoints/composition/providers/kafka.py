"""The Kafka adapters."""

from collections.abc import AsyncIterator

from dishka import AnyOf, Provider, Scope, provide

from adapters.kafka.connection import KafkaConnection, reach
from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.sources import KafkaSources
from adapters.kafka.stored_records import KafkaStoredRecords
from application.errors import BrokerUnavailable
from application.ports.events import EventPublisher, EventSources, MessageEncoder
from application.ports.stored_records import RecordDecoder, StoredRecords
from entrypoints.composition.checks import BusChecks
from entrypoints.composition.errors import CannotStart
from entrypoints.composition.remedies import naming
from entrypoints.observability.logs import logger
from entrypoints.observability.metrics.scrape import BusGauges
from entrypoints.settings import Settings


def kafka_connection(settings: Settings) -> KafkaConnection:
    """Return how to connect to Kafka, without connecting.

    Raises:
        CannotStart: the settings contradict each other, or the CA file can't be read.
    """
    try:
        return KafkaConnection(
            settings.kafka_bootstrap_servers or "",
            settings.kafka_security_protocol or "PLAINTEXT",
            settings.kafka_sasl_mechanism,
            settings.kafka_sasl_username,
            settings.kafka_sasl_password,
            settings.kafka_ssl_cafile,
            settings.kafka_topic_prefix,
        )
    except ValueError as error:
        raise CannotStart(f"The settings of Kafka do not fit together: {error}.") from error


class KafkaProvider(Provider):
    """Events on Kafka."""

    scope = Scope.APP

    @provide
    async def connection(self, settings: Settings) -> KafkaConnection:
        """How to connect to Kafka. If Kafka is down, the process starts degraded."""
        connection = kafka_connection(settings)
        try:
            await reach(connection)
        except BrokerUnavailable as error:
            logger.warning(
                f"Kafka (KAFKA_BOOTSTRAP_SERVERS) is not responding, starting without it: {error}"
            )
        return connection

    @provide
    async def publisher(
        self, connection: KafkaConnection, encoder: MessageEncoder
    ) -> AsyncIterator[AnyOf[KafkaPublisher, EventPublisher]]:
        """This process's producer, which connects when there is an event to send."""
        publisher = KafkaPublisher(connection, encoder)
        yield publisher
        await publisher.close()

    @provide
    async def sources(
        self, connection: KafkaConnection
    ) -> AsyncIterator[AnyOf[KafkaSources, EventSources]]:
        """The source of events for this process's consumers."""
        sources = KafkaSources(connection)
        yield sources
        await sources.close()

    @provide
    async def records(
        self, connection: KafkaConnection, decoder: RecordDecoder
    ) -> AsyncIterator[StoredRecords]:
        """The stored records, for the audit."""
        records = KafkaStoredRecords(connection, decoder)
        yield records
        await records.close()

    @provide
    def gauges(self, sources: EventSources) -> BusGauges:
        """The lag of each of this process's consumers."""
        return BusGauges(sources.lag)

    @provide
    def checks(self, publisher: KafkaPublisher) -> BusChecks:
        """A process without Kafka is only degraded."""
        return BusChecks({"kafka": naming("KAFKA_BOOTSTRAP_SERVERS", publisher.ping)})
