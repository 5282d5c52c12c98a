"""The adapters over Kafka."""

from collections.abc import AsyncIterator

from dishka import AnyOf, Provider, Scope, provide

from adapters.kafka.connection import KafkaConnection, reach
from adapters.kafka.publisher import KafkaPublisher
from adapters.kafka.source import KafkaSource
from application.delivery.topics import NEW_ORDER, PROCESSING_GROUP
from application.errors import BrokerUnavailable
from application.ports.events import EventPublisher, EventSource
from entrypoints.composition.checks import BusChecks
from entrypoints.composition.errors import CannotStart
from entrypoints.composition.remedies import naming
from entrypoints.observability.logs import logger
from entrypoints.observability.metrics.scrape import BusGauges
from entrypoints.settings import Settings


class KafkaProvider(Provider):
    """Events on Kafka."""

    scope = Scope.APP

    @provide
    async def connection(self, settings: Settings) -> KafkaConnection:
        """The connection settings of Kafka; without Kafka the process starts degraded."""
        try:
            connection = KafkaConnection(
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
        try:
            await reach(connection)
        except BrokerUnavailable as error:
            logger.warning(
                f"Kafka (KAFKA_BOOTSTRAP_SERVERS) does not answer; starting without it: {error}"
            )
        return connection

    @provide
    async def publisher(
        self, connection: KafkaConnection
    ) -> AsyncIterator[AnyOf[KafkaPublisher, EventPublisher]]:
        """The producer of this process; it connects at the first event."""
        publisher = KafkaPublisher(connection)
        yield publisher
        await publisher.close()

    @provide
    async def source(
        self, connection: KafkaConnection
    ) -> AsyncIterator[AnyOf[KafkaSource, EventSource]]:
        """What is announced on `new_order`."""
        source = KafkaSource(connection, NEW_ORDER, PROCESSING_GROUP)
        yield source
        await source.close()

    @provide
    def gauges(self, source: EventSource) -> BusGauges:
        """The lag of this process; none where it is no consumer."""
        return BusGauges(source.lag)

    @provide
    def checks(self, publisher: KafkaPublisher) -> BusChecks:
        """Without Kafka a process is degraded."""
        return BusChecks({"kafka": naming("KAFKA_BOOTSTRAP_SERVERS", publisher.ping)})
