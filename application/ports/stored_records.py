"""The records that the broker has stored, for comparison with the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.events import Delivery
from domain.ids import EventId


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """The parts of a record that identify its event.

    A part is None if the record doesn't have it, which can only happen if another program has
    written the record, or if it can't be decoded.
    """

    key: bytes | None = None
    event_id: EventId | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """Some records of a log by offset, and the log's limits.

    Records below `begin` have been removed by the topic's retention. `begin` was read after the
    records, so a record that was removed in the meantime is also below it. No record is stored at
    `end` or above.
    """

    begin: int
    end: int
    records: Mapping[int, StoredRecord]


class StoredRecords(Protocol):
    """The broker's logs."""

    async def read(self, topic: str, log: int, offsets: Sequence[int]) -> LogExcerpt:
        """Return the records at these offsets, which are in ascending order.

        Offsets without a record are left out. If the broker doesn't have the topic or the log, it
        is like an empty log that begins at 0. Only the requested records are kept in memory.

        Raises:
            BrokerUnavailable: the broker, or the log, isn't responding.
        """


class RecordDecoder(Protocol):
    """Reads the parts of a message that identify its event. The inverse of `MessageEncoder`."""

    def stored_record(self, topic: str, message: Delivery) -> StoredRecord:
        """Return the parts that the message has. Never raises."""
