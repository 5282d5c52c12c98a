"""The AsyncAPI document, compared with the service's messages."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from jsonschema_rs import Draft7Validator

from adapters.kafka.partitions import PARTITIONS
from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.delivery.topics import DEAD_LETTERS, NEW_ORDER, PROCESSED, TYPES
from application.documents import Event
from application.ports.dead_letters import DeadLetter
from application.ports.events import Delivery
from domain.actor import SYSTEM, Actor
from domain.ids import EventId
from domain.order.events import OrderEvent, Outcome
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order, OrderChange
from domain.order.status import TRANSITIONS, OrderStatus
from entrypoints.composition.events_document import asyncapi_text
from entrypoints.http.about import VERSION
from entrypoints.http.openapi.committed import committed_text
from entrypoints.messaging.asyncapi.messages import MESSAGES, Message
from entrypoints.messaging.subscriptions import SUBSCRIPTIONS
from tests.support.json_values import objects_in
from tests.support.messages import message_of
from tests.support.orders import (
    IDS,
    STAFF,
    a_placed_order,
    a_user_id,
    owner_of,
    rendered_write,
    tea,
    usd,
    way_to,
)
from tests.support.time import NOW

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final[dict[str, Any]] = json.loads(asyncapi_text())
MESSAGE_OF: Final = {
    message.topic: DOCUMENT["components"]["messages"][message.id] for message in MESSAGES
}

ALL_FIELDS: Final = OrderLines(
    (
        OrderLine(
            "tea",
            "Tea",
            2,
            usd("4.50"),
            {"gift": True, "grams": 250, "ratio": Decimal("0.5"), "to": "Ada"},
        ),
    ),
    usd("9.00"),
)
UNPRICED: Final = OrderLines(
    (OrderLine(None, "Basket", 1, None), OrderLine("1207", None, 3, None)), usd("0.00")
)


def at(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def strict(value: Any) -> Any:
    """Forbid additional properties in the schema, because all sent properties must be described."""
    if isinstance(value, list):
        return [strict(each) for each in value]
    if not isinstance(value, dict):
        return value
    closed = {name: strict(each) for name, each in value.items()}
    if value.get("type") == "object" and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed


def is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def validation_errors(instance: object, schema: dict[str, Any]) -> list[str]:
    whole = strict({**schema, "components": {"schemas": DOCUMENT["components"]["schemas"]}})
    validator = Draft7Validator(whole, validate_formats=True, formats={"uuid": is_uuid})
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(instance)]


def placed(status: OrderStatus, lines: OrderLines, reference: str | None = None) -> Order:
    """Return an order that was placed and then moved to `status`."""
    order = a_placed_order(a_user_id(), lines=lines, reference=reference).order
    for step in way_to(status):
        order = moved(order, step, owner_of(order)).order
    return order


def moved(order: Order, status: OrderStatus, by: Actor, reason: str | None = None) -> OrderChange:
    change = order.move_to(status, by, reason, NOW)
    assert change is not None
    return change


def placements() -> Iterator[OrderChange]:
    for lines in (tea(), ALL_FIELDS, UNPRICED):
        yield a_placed_order(a_user_id(), lines=lines)
    yield a_placed_order(a_user_id(), reference="web-1042")


def steps() -> Iterator[OrderChange]:
    for before, afterwards in TRANSITIONS.items():
        for after in afterwards:
            for reason in (None, "because"):
                order = placed(before, ALL_FIELDS, "web-1042")
                for by in (owner_of(order), STAFF, SYSTEM):
                    yield moved(order, after, by, reason)


def processings() -> Iterator[OrderChange]:
    for status in OrderStatus:
        yield placed(status, tea()).finish_processing(NOW)


CHANGES: Final = [*placements(), *steps(), *processings()]
EVENTS: Final = [rendered_write(change).event for change in CHANGES]
FAILED: Final = dead_letter_from(message_of(EVENTS[0]), NEW_ORDER, "RuntimeError: no stock", 5, NOW)
FOREIGN: Final = dead_letter_from(
    Delivery(None, b"\xff", (("who", b"a script"),)), NEW_ORDER, "?", 1, NOW
)


# --- The document as a whole


def test_the_committed_document_matches_the_code() -> None:
    committed = (ROOT / "docs/asyncapi.json").read_text(encoding="utf-8")
    assert committed == asyncapi_text(), "run: orders asyncapi > docs/asyncapi.json"


def test_the_document_has_only_the_parts_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == {
        *("asyncapi", "info", "defaultContentType", "servers"),
        *("channels", "operations", "components"),
    }
    for channel in DOCUMENT["channels"].values():
        assert set(channel) == {
            *("address", "title", "description", "servers", "messages", "bindings"),
        }
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert set(operation) >= {"action", "channel", "summary", "messages"}
    for message in DOCUMENT["components"]["messages"].values():
        assert set(message) >= {"name", "title", "description", "headers", "payload", "examples"}


def test_the_version_is_that_of_the_http_api() -> None:
    assert DOCUMENT["info"]["version"] == VERSION


def test_the_document_is_ascii_without_host_names() -> None:
    assert asyncapi_text().isascii()
    assert asyncapi_text().endswith("}\n")
    assert not re.search(r"https?://", asyncapi_text())


def test_every_reference_resolves_and_every_component_is_used() -> None:
    references = {node["$ref"] for node in objects_in(DOCUMENT) if "$ref" in node}
    assert all(at(reference) for reference in references)
    for kind, components in DOCUMENT["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= references


def test_every_schema_is_valid_json_schema_draft_7() -> None:
    for message in MESSAGE_OF.values():
        for schema in (message["headers"], message["payload"], message["bindings"]["kafka"]["key"]):
            Draft7Validator({**schema, "components": DOCUMENT["components"]})


def test_shared_schemas_are_those_of_the_http_api() -> None:
    openapi = json.loads(committed_text())
    ours, theirs = DOCUMENT["components"]["schemas"], openapi["components"]["schemas"]
    shared = ours.keys() & theirs.keys()
    assert shared >= {"Order", "OrderItem", "OrderStatus", "HistoryActor"}
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


# --- Topics


def test_the_channels_are_the_topics_with_their_partitions() -> None:
    kafka = {each["address"]: each["bindings"]["kafka"] for each in DOCUMENT["channels"].values()}
    assert {topic: each["partitions"] for topic, each in kafka.items()} == PARTITIONS
    assert all(topic == each["topic"] for topic, each in kafka.items())


def operations(action: str) -> list[dict[str, Any]]:
    return [each for each in DOCUMENT["operations"].values() if each["action"] == action]


def test_every_topic_has_a_send_operation() -> None:
    sent = [each["channel"]["$ref"] for each in operations("send")]
    assert sorted(sent) == sorted(f"#/channels/{topic}" for topic in PARTITIONS)


def test_every_subscription_has_a_receive_operation() -> None:
    received = [
        (
            each["channel"]["$ref"],
            each["messages"],
            each["bindings"]["kafka"]["groupId"]["const"],
        )
        for each in operations("receive")
    ]
    ids = {message.topic: message.id for message in MESSAGES}
    assert received == [
        (
            f"#/channels/{each.topic}",
            [{"$ref": f"#/channels/{each.topic}/messages/{ids[each.topic]}"}],
            each.group,
        )
        for each in SUBSCRIPTIONS
    ]


def test_a_receive_operation_names_the_setting_that_it_needs() -> None:
    for subscription, operation in zip(SUBSCRIPTIONS, operations("receive"), strict=True):
        condition = f"off unless `{subscription.required_setting}` is set"
        assert (condition in operation["description"]) is bool(subscription.required_setting)


# --- The service's messages, compared with their schemas


def test_the_test_events_cover_every_type_and_outcome() -> None:
    assert {type(change.event) for change in CHANGES} == set(get_args(OrderEvent))
    assert {(event.topic, event.type) for event in EVENTS} == set(TYPES.items())
    outcomes = {json.loads(event.payload or b"").get("outcome") for event in EVENTS}
    assert outcomes - {None} == set(Outcome)
    assert {event.topic for event in EVENTS} | {DEAD_LETTERS} == set(MESSAGE_OF)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_matches_its_schema(event: Event) -> None:
    described = MESSAGE_OF[event.topic]
    assert described["name"] == event.type
    assert validation_errors(json.loads(event.payload or b""), described["payload"]) == []


def headers_in(message: Delivery | DeadLetter) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in message.headers}


@pytest.mark.parametrize("topic", TYPES)
def test_headers_and_key_match_their_schemas(topic: str) -> None:
    message = message_of(next(event for event in EVENTS if event.topic == topic))
    described = MESSAGE_OF[topic]
    assert validation_errors(headers_in(message), described["headers"]) == []
    assert set(headers_in(message)) <= set(at("#/components/schemas/CloudEvent")["properties"])
    assert (
        validation_errors((message.key or b"").decode(), described["bindings"]["kafka"]["key"])
        == []
    )


def test_headers_of_another_type_do_not_match() -> None:
    headers = headers_in(message_of(EVENTS[0]))
    assert validation_errors(headers, MESSAGE_OF[PROCESSED]["headers"])
    assert validation_errors({**headers, "ce_id": "1"}, MESSAGE_OF[NEW_ORDER]["headers"])
    del headers["ce_time"]
    assert validation_errors(headers, MESSAGE_OF[NEW_ORDER]["headers"])


@pytest.mark.parametrize("dead_letter", [FAILED, FOREIGN], ids=["failed", "foreign"])
def test_a_dead_letter_matches_its_schema(dead_letter: DeadLetter) -> None:
    message = message_of(dead_letter_copy(dead_letter, EventId(IDS.new(NOW))))
    described = MESSAGE_OF[DEAD_LETTERS]
    assert validation_errors(headers_in(message), described["headers"]) == []
    assert validation_errors(headers_in(dead_letter), described["headers"])
    key = message.key.decode() if message.key else None
    assert validation_errors(key, described["bindings"]["kafka"]["key"]) == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.id)
def test_every_example_matches_its_schema(message: Message) -> None:
    described = MESSAGE_OF[message.topic]
    assert described["examples"]
    for example in described["examples"]:
        assert validation_errors(example["headers"], described["headers"]) == []
        assert validation_errors(example["payload"], described["payload"]) == []
