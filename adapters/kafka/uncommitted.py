"""Keep track of a group member's uncommitted messages."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener


class Uncommitted:
    """The offsets of received but uncommitted messages in the assigned partitions.

    This is also the group's `ConsumerRebalanceListener`. After a rebalance, aiokafka continues
    reading from the committed offsets by itself, so there aren't any uncommitted messages left.
    """

    def __init__(self) -> None:
        #: The first uncommitted message of each partition.
        self.since: dict[TopicPartition, int] = {}
        self._next: dict[TopicPartition, int] = {}
        self._committing: asyncio.Timeout | None = None

    def __bool__(self) -> bool:
        return bool(self._next)

    def add(self, partition: TopicPartition, first: int, last: int) -> None:
        """Add received messages from the offset `first` up to and including `last`."""
        self.since.setdefault(partition, first)
        self._next[partition] = last + 1

    def forget(self) -> None:
        """Forget all uncommitted messages."""
        self.since.clear()
        self._next.clear()

    def rewind(self, consumer: AIOKafkaConsumer) -> None:
        """Make the consumer receive all uncommitted messages again."""
        assigned = consumer.assignment()
        for partition, offset in self.since.items():
            if partition in assigned:
                consumer.seek(partition, offset)
        self.forget()

    async def commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit, unless the partitions are revoked in the meantime.

        In that case the commit must be interrupted: aiokafka retries commits that it could not
        send, and the broker would accept it even if another member has the partition by then.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as self._committing:
                    await consumer.commit(dict(self._next))
        finally:
            self._committing = None

    # The names of these methods are defined by `ConsumerRebalanceListener`.

    def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """Forget everything, because uncommitted messages will be received again anyway."""
        self.forget()
        if self._committing is not None and not self._committing.expired():
            self._committing.reschedule(0)

    def on_partitions_assigned(self, _assigned: Collection[TopicPartition]) -> None:
        """Do nothing. aiokafka continues reading from the committed offsets."""


ConsumerRebalanceListener.register(Uncommitted)
