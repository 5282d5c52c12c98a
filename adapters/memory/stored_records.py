"""The broker's records in memory."""

from collections import defaultdict
from collections.abc import Sequence

from application.ports.events import Delivery, Placement
from application.ports.stored_records import LogExcerpt, RecordDecoder, StoredRecord


class MemoryStoredRecords:
    """An in-memory `StoredRecords`. Every topic has a single log with the number 0.

    `MemoryBus` doesn't store any messages, so this is empty unless a test adds some.
    """

    def __init__(self, decoder: RecordDecoder) -> None:
        self._decoder = decoder
        self._logs: defaultdict[str, list[StoredRecord]] = defaultdict(list)
        self._begins: defaultdict[str, int] = defaultdict(int)

    async def read(self, topic: str, log: int, offsets: Sequence[int]) -> LogExcerpt:
        """Return the records at these offsets."""
        if log != 0 or topic not in self._logs:
            return LogExcerpt(0, 0, {})
        records, begin = self._logs[topic], self._begins[topic]
        found = {offset: records[offset] for offset in offsets if begin <= offset < len(records)}
        return LogExcerpt(begin, len(records), found)

    def append(self, topic: str, message: Delivery) -> Placement:
        """Store a message at the end of a topic and return its placement."""
        records = self._logs[topic]
        records.append(self._decoder.stored_record(topic, message))
        return Placement(0, len(records) - 1)

    def remove_before(self, topic: str, offset: int) -> None:
        """Remove a topic's records below this offset, like its retention does."""
        self._begins[topic] = offset

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        self._logs.pop(topic, None)
        self._begins.pop(topic, None)
