"""A process's consumers."""

import asyncio
from collections.abc import Mapping

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.source import KafkaSource
from application.ports.events import Topic


class KafkaSources:
    """`EventSources` for Kafka. Each source is a group member with its own connections."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._sources: dict[Topic, KafkaSource] = {}

    def subscribe(self, topic: str, group: str) -> KafkaSource:
        """Return a source for the topic's messages. It connects when it's first used."""
        source = self._sources[Topic(topic, group)] = KafkaSource(self._connection, topic, group)
        return source

    async def lag(self) -> Mapping[Topic, Mapping[int, int]]:
        """Return the lag of every source, by partition."""
        lags = await asyncio.gather(*(source.lag() for source in self._sources.values()))
        return dict(zip(self._sources, lags, strict=True))

    async def close(self) -> None:
        """Leave every group."""
        await asyncio.gather(*(source.close() for source in self._sources.values()))
