"""Compare the published events with the broker's records."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from application.ports.audit import AuditProgress, AuditReader, BrokerReport, Fact, MissingEvent
from application.ports.events import Placement
from application.ports.stored_records import LogExcerpt, StoredRecord, StoredRecords

#: How many facts are compared at a time. Each group of them that shares a log is read in one go, so
#: a larger number means fewer reads, and a smaller one means less memory (about 0.5 KB each).
FACTS_AT_ONCE: Final = 20_000

#: The reasons. There isn't a record at the event's placement, or it isn't the event's.
_NO_RECORD: Final = "record-missing"
_OTHER_RECORD: Final = "record-differs"


class AuditBroker:
    """Check that the broker has stored each published event at its placement.

    The events are those that were marked as published before the check began. Each one is read from
    the storage before the end of its log is read from the broker. The broker had acknowledged it by
    then, so an event that is published during the check is never reported as missing. Events are
    read by position, which is close to the order of their offsets in each log.
    """

    def __init__(self, reader: AuditReader, records: StoredRecords) -> None:
        self._reader = reader
        self._records = records

    async def __call__(self, progress: AuditProgress) -> BrokerReport:
        """Return the report.

        Raises:
            Unavailable: the storage is unreachable.
            BrokerUnavailable: the broker, or one of its logs, is unreachable.
        """
        report, seen = BrokerReport(), 0
        last = await self._reader.last_position()
        while facts := await self._reader.facts(seen, last, FACTS_AT_ONCE):
            await self._compare(facts, report)
            seen = facts[-1].position
            progress(seen, last)
        return report

    async def _compare(self, facts: Sequence[Fact], report: BrokerReport) -> None:
        logs: defaultdict[tuple[str, int], list[tuple[Placement, Fact]]] = defaultdict(list)
        for fact in facts:
            if fact.placement is None:
                report.uncompared += 1
            else:
                logs[fact.topic, fact.placement.log].append((fact.placement, fact))
        for (topic, log), placed in logs.items():
            offsets = sorted({placement.offset for placement, _ in placed})
            excerpt = await self._records.read(topic, log, offsets)
            for event in _different(placed, excerpt):
                if event.placement.offset < excerpt.begin:
                    report.uncompared += 1
                else:
                    report.add_missing(event)


def _different(
    placed: Sequence[tuple[Placement, Fact]], excerpt: LogExcerpt
) -> Iterator[MissingEvent]:
    """Yield the events that aren't stored at their placements."""
    for placement, fact in placed:
        record = excerpt.records.get(placement.offset)
        if record is None:
            yield MissingEvent(fact, placement, _NO_RECORD)
        elif not _is_record_of(fact, record):
            yield MissingEvent(fact, placement, _OTHER_RECORD)


def _is_record_of(fact: Fact, record: StoredRecord) -> bool:
    if record.key != fact.key:
        return False
    return fact.is_copy or (record.event_id, record.version) == (fact.id, fact.version)
