"""The plan of a rehearsal. A consumer that is right or wrong on purpose reads its records."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.serialisation.orders import JsonChangeRenderer
from application.delivery.topics import NEW_ORDER, STATUS_CHANGED, TYPES
from application.ports.events import Delivery, Placement
from domain.ids import OrderId
from domain.order.status import TRANSITIONS, OrderStatus
from entrypoints.cli.rehearse import document_of, lines_of
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.rehearsal import ensure_rehearsal_topic
from entrypoints.messaging.cloud_events import Unreadable, parse_event
from entrypoints.messaging.rehearsal.events import UNKNOWN_TYPE, EventMaker, SeededIds
from entrypoints.messaging.rehearsal.plan import Kind, Record, Rehearsal, plan_rehearsal
from tests.support.messages import ENCODER
from tests.support.orders import RENDERER
from tests.support.time import NOW

SEEDS = st.integers()
COUNTS = st.integers(1, 12)
TOPICS = {kind: topic for topic, kind in TYPES.items()}


def plan(seed: int, orders: int) -> Rehearsal:
    ids = SeededIds(seed)
    return plan_rehearsal(seed, orders, EventMaker(ids, JsonChangeRenderer(RENDERER, ids), ENCODER))


def of_kind(rehearsal: Rehearsal, kind: Kind) -> Sequence[Record]:
    return [record for record in rehearsal.records if record.kind is kind]


def kind_of(message: Delivery) -> str:
    return (message.header("ce_type") or b"").decode()


def read(message: Delivery) -> tuple[int, str]:
    """Return the version and the status that a message contains, or raise an error."""
    value = json.loads(message.value or b"")
    order = value if kind_of(message) == TYPES[NEW_ORDER] else value["order"]
    return order["version"], order["status"]


def by_order(rehearsal: Rehearsal) -> Mapping[OrderId, Sequence[Record]]:
    records: defaultdict[OrderId, list[Record]] = defaultdict(list)
    for record in rehearsal.records:
        records[record.order_id].append(record)
    return records


def consumed(rehearsal: Rehearsal, *, skips_passed: bool) -> dict[OrderId, tuple[int, str]]:
    """Return the last applied version and status of each order."""
    states: dict[OrderId, tuple[int, str]] = {}
    for record in rehearsal.records:
        if kind_of(record.message) not in TOPICS:
            continue
        try:
            version, status = read(record.message)
        except (KeyError, TypeError, ValueError):
            continue
        if not skips_passed or version > states.get(record.order_id, (0, ""))[0]:
            states[record.order_id] = (version, status)
    return states


@given(SEEDS, COUNTS)
def test_the_same_seed_gives_the_same_rehearsal(seed: int, orders: int) -> None:
    assert plan(seed, orders) == plan(seed, orders)


@given(SEEDS, COUNTS)
def test_another_seed_gives_other_orders(seed: int, orders: int) -> None:
    assert by_order(plan(seed, orders)).keys().isdisjoint(by_order(plan(seed + 1, orders)))


@given(SEEDS, COUNTS)
def test_every_kind_of_record_occurs(seed: int, orders: int) -> None:
    rehearsal = plan(seed, orders)
    assert {record.kind for record in rehearsal.records} == set(Kind)
    assert len(rehearsal.final_states) == len(by_order(rehearsal)) == orders


@given(SEEDS, COUNTS)
def test_a_consumer_that_skips_passed_versions_ends_in_the_final_states(
    seed: int, orders: int
) -> None:
    rehearsal = plan(seed, orders)
    assert consumed(rehearsal, skips_passed=True) == {
        state.order_id: (state.version, state.status) for state in rehearsal.final_states
    }


@given(SEEDS, COUNTS)
def test_a_consumer_that_applies_every_event_ends_differently(seed: int, orders: int) -> None:
    rehearsal = plan(seed, orders)
    assert consumed(rehearsal, skips_passed=False) != consumed(rehearsal, skips_passed=True)


@given(SEEDS, COUNTS)
def test_applied_versions_rise_to_the_final_one(seed: int, orders: int) -> None:
    for state in plan(seed, orders).final_states:
        assert sorted(set(state.applied)) == list(state.applied)
        assert (state.applied[0], state.applied[-1]) == (1, state.version)
        assert state.version > 1


def with_delivered(rehearsal: Rehearsal) -> Iterator[tuple[Record, dict[int, Delivery]]]:
    """Return each record with the events that its order's earlier records have delivered."""
    for records in by_order(rehearsal).values():
        delivered: dict[int, Delivery] = {}
        for record in records:
            yield record, delivered
            if record.event:
                delivered.setdefault(read(record.message)[0], record.message)


@given(SEEDS, COUNTS)
def test_first_deliveries_are_in_version_order_except_in_a_gap(seed: int, orders: int) -> None:
    for record, delivered in with_delivered(plan(seed, orders)):
        newest = max(delivered, default=0)
        if record.kind is Kind.FIRST_DELIVERY:
            assert read(record.message)[0] == newest + 1
        elif record.kind is Kind.GAP:
            assert read(record.message)[0] == newest + 2
        elif record.kind is Kind.LATE:
            assert read(record.message)[0] == newest - 1
            assert newest - 1 not in delivered


@given(SEEDS, COUNTS)
def test_duplicates_and_replays_are_identical_to_the_first_delivery(seed: int, orders: int) -> None:
    for record, delivered in with_delivered(plan(seed, orders)):
        if record.kind is Kind.DUPLICATE:
            assert record.message == delivered[max(delivered)]
        elif record.kind is Kind.REPLAY:
            version = read(record.message)[0]
            assert version < max(delivered)
            assert record.message == delivered[version]


@given(SEEDS, COUNTS)
def test_a_dead_letter_has_two_more_headers(seed: int, orders: int) -> None:
    for record, delivered in with_delivered(plan(seed, orders)):
        if record.kind is Kind.DEAD_LETTER:
            version = read(record.message)[0]
            assert version < max(delivered)
            assert record.message.value == delivered[version].value
            *original, reason, attempts = record.message.headers
            assert tuple(original) == delivered[version].headers
            assert reason[0] == "dlq_reason"
            assert attempts == ("dlq_attempts", b"5")


@given(SEEDS, COUNTS)
def test_an_unknown_type_looks_like_a_later_version(seed: int, orders: int) -> None:
    rehearsal = plan(seed, orders)
    final = {state.order_id: state for state in rehearsal.final_states}
    for record in of_kind(rehearsal, Kind.UNKNOWN_TYPE):
        assert kind_of(record.message) == UNKNOWN_TYPE
        version, status = read(record.message)
        assert version > final[record.order_id].version
        assert status != final[record.order_id].status


@given(SEEDS, COUNTS)
def test_an_unreadable_record_has_a_known_type_and_its_order_as_key(seed: int, orders: int) -> None:
    for record in of_kind(plan(seed, orders), Kind.UNREADABLE):
        assert record.message.key == str(record.order_id).encode()
        with pytest.raises(Unreadable, match="not an order"):
            parse_event(TOPICS[kind_of(record.message)], record.message)


@given(SEEDS, COUNTS)
def test_only_repetitions_share_an_event_id(seed: int, orders: int) -> None:
    repetitions = {Kind.DUPLICATE, Kind.REPLAY, Kind.DEAD_LETTER}
    ids = [
        record.message.header("ce_id")
        for record in plan(seed, orders).records
        if record.kind not in repetitions
    ]
    assert len(set(ids)) == len(ids)


@given(SEEDS, COUNTS)
def test_the_service_can_read_the_events(seed: int, orders: int) -> None:
    for record in plan(seed, orders).records:
        if record.event:
            event = parse_event(TOPICS[kind_of(record.message)], record.message)
            assert event.order_id == record.order_id
            assert event.status == read(record.message)[1]


def test_every_step_of_the_lifecycle_occurs() -> None:
    steps = set()
    for record in plan(1, 200).records:
        if record.event and record.event.topic == STATUS_CHANGED:
            value = json.loads(record.message.value or b"")
            steps.add((OrderStatus(value["from"]), OrderStatus(value["to"])))
    assert steps == {(status, after) for status in TRANSITIONS for after in TRANSITIONS[status]}


@given(SEEDS)
def test_ids_are_valid_and_unique(seed: int) -> None:
    ids = SeededIds(seed)
    made = [ids.new(NOW) for _ in range(100)]
    assert len(set(made)) == 100
    assert {(each.version, each.variant) for each in made} == {(7, made[0].variant)}
    assert made[0].int >> 80 == int(NOW.timestamp() * 1000)


def test_the_output_has_all_records_and_the_final_states() -> None:
    rehearsal = plan(1, 2)
    placements = [Placement(3, offset) for offset in range(len(rehearsal.records))]
    document: Any = document_of(rehearsal, placements)
    assert [each["kind"] for each in document["records"]] == [r.kind for r in rehearsal.records]
    assert [each["offset"] for each in document["records"]] == [p.offset for p in placements]
    assert document["expected"]["unreadable"] == len(of_kind(rehearsal, Kind.UNREADABLE)) > 0
    lines = list(lines_of(rehearsal, placements))
    assert len(lines) == len(rehearsal.records) + 2 + len(rehearsal.final_states)
    assert lines[0].startswith("partition=3 offset=0 kind=first-delivery ce_type=order.created")
    assert any(" status=" in line and " applied=1," in line for line in lines)


@pytest.mark.parametrize(
    "topic", ["new_order", "order_status_changed", "order_processed", "new_order.dlq"]
)
@pytest.mark.parametrize("prefix", ["", "shop-a.", "x"])
def test_a_topic_of_real_events_is_refused_with_any_prefix(topic: str, prefix: str) -> None:
    with pytest.raises(Misconfigured, match="must never reach"):
        ensure_rehearsal_topic(f"{prefix}{topic}")


@pytest.mark.parametrize(
    "topic", ["", ".", "..", "a b", "__consumer_offsets", "a/b", "ä", "a\n", "a" * 250]
)
def test_a_name_that_kafka_does_not_allow_is_refused(topic: str) -> None:
    with pytest.raises(Misconfigured, match="does not allow"):
        ensure_rehearsal_topic(topic)


@pytest.mark.parametrize("topic", ["rehearsal", "new_order.rehearsal", "a" * 249, "...", "_a"])
def test_another_topic_is_accepted(topic: str) -> None:
    ensure_rehearsal_topic(topic)
