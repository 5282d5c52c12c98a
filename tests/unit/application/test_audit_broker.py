"""The comparison of published events with the broker's records."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from adapters.memory.stored_records import MemoryStoredRecords
from application.delivery import audit_broker
from application.delivery.audit_broker import AuditBroker
from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.documents import Event
from application.ports.audit import NAMED, BrokerReport
from application.ports.events import Delivery, Placement
from application.ports.stored_records import LogExcerpt
from domain.ids import EventId
from tests.support.adapters import Adapters, memory_adapters
from tests.support.messages import DECODER, message_of
from tests.support.orders import IDS, PAID, an_order_id
from tests.support.storage_actions import move, place, process
from tests.support.time import NOW, MovableClock

TOPIC = "new_order"


class System:
    """A storage and a broker."""

    def __init__(self) -> None:
        self.stored: Adapters = memory_adapters(MovableClock())
        self.broker = MemoryStoredRecords(DECODER)

    async def publish(self, change: Callable[[Event], Event] = lambda event: event) -> list[Event]:
        """Publish all waiting events, changed on the way to the broker."""
        events: list[Event] = []
        while True:
            async with self.stored.outbox.batch(100) as batch:
                if not batch.events:
                    return events
                await batch.published(
                    {e.id: self.broker.append(e.topic, message_of(change(e))) for e in batch.events}
                )
                events += batch.events

    async def audit(self) -> BrokerReport:
        return await AuditBroker(self.stored.audit, self.broker)(lambda _seen, _all: None)


@pytest.fixture
def system() -> System:
    return System()


def found(report: BrokerReport) -> list[tuple[EventId, str]]:
    return [(event.fact.id, event.reason) for event in report.listed]


async def test_published_events_of_every_type_are_found(system: System) -> None:
    order_id = (await place(system.stored)).record.id
    await move(system.stored, order_id, PAID)
    await process(system.stored, order_id)
    assert len(await system.publish()) == 3
    assert await system.audit() == BrokerReport()


async def test_waiting_events_are_not_compared(system: System) -> None:
    await place(system.stored)
    assert await system.audit() == BrokerReport()


async def test_events_of_a_deleted_topic_are_missing(system: System) -> None:
    order_id = (await place(system.stored)).record.id
    await move(system.stored, order_id, PAID)
    placed, moved = await system.publish()
    system.broker.delete(moved.topic)
    report = await system.audit()
    assert (report.missing, report.uncompared) == (1, 0)
    [event] = report.listed
    assert (event.fact.id, event.reason) == (moved.id, "record-missing")
    assert (event.fact.subject, event.fact.version, event.fact.topic) == (order_id, 2, moved.topic)
    assert event.placement == Placement(0, 0)
    system.broker.delete(placed.topic)
    assert (await system.audit()).missing == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda event: replace(event, id=EventId(IDS.new(NOW))),
        lambda event: replace(event, subject=an_order_id()),
        lambda event: replace(event, payload=(event.payload or b"").replace(b":1,", b":2,")),
        lambda event: replace(event, payload=b""),
    ],
    ids=["another event", "another order", "another version", "no order"],
)
async def test_a_different_record_at_the_placement_is_no_match(
    system: System, change: Callable[[Event], Event]
) -> None:
    await place(system.stored)
    [event] = await system.publish(change)
    assert found(await system.audit()) == [(event.id, "record-differs")]


async def test_records_removed_by_retention_are_not_missing(system: System) -> None:
    for _ in range(3):
        await place(system.stored)
    await system.publish()
    system.broker.remove_before(TOPIC, 2)
    assert await system.audit() == BrokerReport(uncompared=2)


async def test_an_event_without_a_placement_is_not_compared(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place(system.stored)
    await system.publish()
    [fact] = await system.stored.audit.facts(0, 1, 1)
    pages = iter([[replace(fact, placement=None)], []])

    async def facts(*_: object) -> Sequence[object]:
        return next(pages)

    monkeypatch.setattr(system.stored.audit, "facts", facts)
    assert await system.audit() == BrokerReport(uncompared=1)


@pytest.mark.parametrize("key", [b"key", None])
async def test_the_copy_of_a_message_is_compared_by_its_key(
    system: System, key: bytes | None
) -> None:
    letter = dead_letter_from(Delivery(key, b"?"), TOPIC, "no JSON", 1, NOW, None)
    copy = dead_letter_copy(letter, EventId(IDS.new(NOW)))
    assert await system.stored.dead_letters.add(letter, copy)
    await system.publish()
    assert await system.audit() == BrokerReport()
    system.broker.delete(copy.topic)
    system.broker.append(copy.topic, Delivery(b"another", b"?"))
    assert found(await system.audit()) == [(copy.id, "record-differs")]


async def test_events_are_compared_page_by_page(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_broker, "FACTS_AT_ONCE", 2)
    for _ in range(5):
        await place(system.stored)
    events = await system.publish()
    system.broker.delete(TOPIC)
    for event in events[:4]:
        system.broker.append(TOPIC, message_of(event))
    shown: list[tuple[int, int]] = []
    audit = AuditBroker(system.stored.audit, system.broker)
    report = await audit(lambda seen, count: shown.append((seen, count)))
    assert found(report) == [(events[4].id, "record-missing")]
    assert shown == [(2, 5), (4, 5), (5, 5)]


async def test_events_published_during_the_check_are_not_missing(system: System) -> None:
    """The relay publishes between the reads of the storage and of the broker."""
    await place(system.stored)
    await system.publish()
    read = system.broker.read

    async def publishing(topic: str, log: int, offsets: Sequence[int]) -> LogExcerpt:
        await place(system.stored)
        excerpt = await read(topic, log, offsets)
        await system.publish()
        return excerpt

    system.broker.read = publishing  # type: ignore[method-assign]
    assert await system.audit() == BrokerReport()
    assert await system.stored.audit.last_position() == 2


async def test_all_missing_events_are_counted_and_the_first_are_listed(system: System) -> None:
    for _ in range(NAMED + 1):
        await place(system.stored)
    events = await system.publish()
    system.broker.delete(TOPIC)
    report = await system.audit()
    assert report.missing == NAMED + 1
    assert [event_id for event_id, _ in found(report)] == [event.id for event in events[:NAMED]]
