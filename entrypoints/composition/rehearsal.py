"""Plan a rehearsal with the service's own renderer, and publish it to a topic."""

import re
from collections.abc import Sequence
from typing import Final

from dishka import Provider, Scope, provide

from adapters.kafka.partitions import PARTITIONS
from adapters.kafka.topic_writer import open_topic
from application.delivery.topics import STATUS_CHANGED
from application.errors import BrokerUnavailable
from application.ports.events import MessageEncoder, Placement
from application.ports.orders import ChangeRenderer
from application.ports.system import IdGenerator
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.composition.providers.kafka import kafka_connection
from entrypoints.composition.startup import build_container
from entrypoints.messaging.rehearsal.events import EventMaker, SeededIds
from entrypoints.messaging.rehearsal.plan import Rehearsal, plan_rehearsal
from entrypoints.settings import Settings

#: The names that Kafka allows, except for those of its internal topics, which begin with `__`.
_TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}$)(?!__)[A-Za-z0-9._-]{1,249}")


class _SeededIdsProvider(Provider):
    """Replaces the random ids."""

    scope = Scope.APP

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    @provide
    def ids(self) -> IdGenerator:
        """Ids that depend on the seed."""
        return SeededIds(self._seed)


def ensure_rehearsal_topic(topic: str) -> None:
    """Check that a topic may receive a rehearsal.

    The service's own topics may not, with any prefix, because their consumers are real.

    Raises:
        Misconfigured: the topic is one of these, or Kafka doesn't allow its name.
    """
    if not _TOPIC_NAME.fullmatch(topic):
        raise Misconfigured(f"--topic: Kafka does not allow {topic!r} as the name of a topic.")
    for ours in PARTITIONS:
        if topic.endswith(ours):
            raise Misconfigured(
                f"--topic: the name {topic} ends with {ours}, which is for real events only, and a"
                " rehearsal must never reach their consumers."
            )


async def make_rehearsal(settings: Settings, seed: int, orders: int) -> Rehearsal:
    """Plan a rehearsal. The same seed and number of orders always give the same records.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
    """
    container = build_container(settings, _SeededIdsProvider(seed))
    try:
        maker = EventMaker(
            await container.get(IdGenerator),
            await container.get(ChangeRenderer),
            await container.get(MessageEncoder),
        )
        return plan_rehearsal(seed, orders, maker)
    finally:
        await container.close()


async def publish_rehearsal(
    settings: Settings, topic: str, rehearsal: Rehearsal
) -> Sequence[Placement]:
    """Publish all records in order and return their placements.

    A missing topic is created with as many partitions as the service's own topics.

    Raises:
        CannotStart: Kafka isn't responding, or hasn't stored every record.
    """
    messages = [record.message for record in rehearsal.records]
    connection = kafka_connection(settings)
    try:
        async with open_topic(connection, topic, PARTITIONS[STATUS_CHANGED]) as writer:
            return await writer.write(messages)
    except BrokerUnavailable as error:
        raise CannotStart(
            f"Kafka (KAFKA_BOOTSTRAP_SERVERS) has not stored the rehearsal: {error}."
        ) from error
