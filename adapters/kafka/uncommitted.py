"""The received messages of a group member that are not committed."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener


class Uncommitted:
    """The offsets of received messages that are not committed, of the assigned partitions.

    It is the group's `ConsumerRebalanceListener`: after a rebalance, reading goes on from the
    committed offsets by itself, so nothing is uncommitted then.
    """

    def __init__(self) -> None:
        #: By partition, the first message that is not committed.
        self.since: dict[TopicPartition, int] = {}
        self._next: dict[TopicPartition, int] = {}
        self._committing: asyncio.Timeout | None = None

    def __bool__(self) -> bool:
        return bool(self._next)

    def add(self, partition: TopicPartition, first: int, last: int) -> None:
        """Note the received messages from one offset to another."""
        self.since.setdefault(partition, first)
        self._next[partition] = last + 1

    def forget(self) -> None:
        """Note that nothing is uncommitted any more."""
        self.since.clear()
        self._next.clear()

    def rewind(self, consumer: AIOKafkaConsumer) -> None:
        """Make the consumer receive all of it again."""
        assigned = consumer.assignment()
        for partition, offset in self.since.items():
            if partition in assigned:
                consumer.seek(partition, offset)
        self.forget()

    async def commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit, unless the partitions are revoked meanwhile.

        aiokafka repeats a commit that it could not send, and the broker would accept it from any
        member, whichever the partition is assigned to by then.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as self._committing:
                    await consumer.commit(dict(self._next))
        finally:
            self._committing = None

    # The library's names, for a `ConsumerRebalanceListener`.

    def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """All of them go, and some may come back, with all that is not committed."""
        self.forget()
        if self._committing is not None and not self._committing.expired():
            self._committing.reschedule(0)

    def on_partitions_assigned(self, _assigned: Collection[TopicPartition]) -> None:
        """Nothing to do: reading goes on from the committed offsets."""


ConsumerRebalanceListener.register(Uncommitted)
