import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.kafka.connection import KafkaConnection, reach
from adapters.kafka.publisher import KafkaPublisher
from application.documents import Event
from application.errors import BrokerUnavailable
from application.ports.events import Delivery
from domain.ids import EventId
from tests.integration.kafka_tools import (
    TOPIC,
    Kafka,
    kafka_at,
    new_orders,
    next_of,
    no_tasks_left,
)
from tests.servers.plugin import Shared
from tests.servers.ports import HOST
from tests.support.messages import ENCODER, message_of
from tests.support.storage_actions import acknowledged

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
async def kafka(kafka_server: Shared) -> AsyncIterator[Kafka]:
    async with kafka_at(kafka_server.bootstrap) as kafka:
        yield kafka


async def test_a_message_arrives_as_it_was_encoded(kafka: Kafka) -> None:
    event = replace(new_orders(1)[0], traceparent=TRACE)
    assert acknowledged(await kafka.publisher().publish([event])) == [event.id]
    [message] = await kafka.read(1)
    encoded = message_of(event)
    assert message.topic == f"{kafka.connection.topic_prefix}new_order"
    assert (message.key, message.value) == (encoded.key, encoded.value)
    assert message.headers == encoded.headers


async def test_a_large_event_is_rejected_without_stopping_others(kafka: Kafka) -> None:
    before, large, after = new_orders(3)
    large = replace(large, payload=b"x" * 2_000_000)
    refused = (await kafka.publisher().publish([before, large, after])).rejected
    assert list(refused) == [large.id]
    assert "larger than the maximum" in refused[large.id]
    assert {m.value for m in await kafka.read(2)} == {before.payload, after.payload}


class Encoder:
    """Encodes events, and counts how often. The event `bad` can't be encoded."""

    def __init__(self, bad: EventId) -> None:
        self.bad = bad
        self.encoded: list[EventId] = []

    def message(self, event: Event) -> Delivery:
        self.encoded.append(event.id)
        if event.id == self.bad:
            raise ValueError("no such header")
        return ENCODER.message(event)


async def test_each_event_is_encoded_once_and_a_bad_one_does_not_stop_others(kafka: Kafka) -> None:
    before, bad, after = events = new_orders(3)
    encoder = Encoder(bad.id)
    publisher = KafkaPublisher(kafka.connection, encoder)
    try:
        report = await publisher.publish(events)
    finally:
        await publisher.close()
    assert report.rejected == {bad.id: "no such header"}
    assert encoder.encoded == [event.id for event in events]
    assert {m.value for m in await kafka.read(2)} == {before.payload, after.payload}


async def test_the_broker_rejects_only_the_large_events_of_a_batch(kafka: Kafka) -> None:
    # With a single partition, all events share a batch and a sequence.
    await kafka.make_topic(TOPIC, 1, max_message_bytes="5000")
    publisher = kafka.publisher()
    before = new_orders(2)
    assert acknowledged(await publisher.publish(before)) == [event.id for event in before]
    events = new_orders(6)
    for culprit in (1, 4):
        events[culprit] = replace(events[culprit], payload=b"x" * 6_000)
    report = await publisher.publish(events)
    refused = report.rejected
    assert set(report.acknowledged) == {events[n].id for n in (0, 2, 3, 5)}
    assert list(refused) == [events[1].id, events[4].id]
    assert all("MessageSizeTooLarge" in reason for reason in refused.values())
    more = new_orders(2)
    assert acknowledged(await publisher.publish(more)) == [event.id for event in more]
    arrived = [*before, *(events[n] for n in (0, 2, 3, 5)), *more]
    assert [m.value for m in await kafka.read(8)] == [event.payload for event in arrived]


async def test_later_events_of_a_rejected_events_order_wait(kafka: Kafka) -> None:
    rejected, other = new_orders(2)
    rejected = replace(rejected, payload=b"x" * 2_000_000)
    later = replace(next_of(rejected), payload=b"small")
    events = [rejected, later, other, next_of(other)]
    report = await kafka.publisher().publish(events)
    assert list(report.rejected) == [rejected.id]
    assert list(report.unreached) == [later.id]
    assert "earlier" in report.unreached[later.id]
    messages = await kafka.read(2)
    assert [m.value for m in messages] == [other.payload, next_of(other).payload]


async def test_an_event_for_a_missing_topic_waits_and_is_not_rejected(
    kafka: Kafka,
) -> None:
    valid, unknown = new_orders(2)
    unknown = replace(unknown, topic="nowhere")
    report = await kafka.publisher().publish([unknown, valid])
    assert list(report.acknowledged) == [valid.id]
    assert report.rejected == {}
    assert "nowhere: there is no such topic" in report.unreached[unknown.id]
    assert [m.value for m in await kafka.read(1)] == [valid.payload]


async def test_a_batch_larger_than_a_request_arrives_in_order(kafka: Kafka) -> None:
    [first] = new_orders(1)
    events = [first]
    for _ in range(30):
        events.append(replace(next_of(events[-1]), payload=b"x" * 50_000))
    assert acknowledged(await kafka.publisher().publish(events)) == [event.id for event in events]
    sent = [str(event.id).encode() for event in events]
    assert [dict(m.headers)["ce_id"] for m in await kafka.read(31)] == sent


async def test_publishing_can_be_canceled_and_repeated(kafka: Kafka) -> None:
    publisher = kafka.publisher()
    [event] = new_orders(1)
    publishing = asyncio.create_task(publisher.publish([event]))
    await asyncio.sleep(0.05)
    publishing.cancel()
    await asyncio.wait([publishing])
    assert acknowledged(await publisher.publish([event])) == [event.id]


async def test_a_closed_publisher_can_be_used_again(kafka: Kafka) -> None:
    publisher = kafka.publisher()
    await publisher.close()
    for event in new_orders(2):
        assert acknowledged(await publisher.publish([event])) == [event.id]
        await publisher.close()
    assert len(await kafka.read(2)) == 2


async def test_an_unreachable_broker_is_named_with_the_reason() -> None:
    async with no_tasks_left():
        # Nothing is listening on port 1.
        publisher = KafkaPublisher(KafkaConnection(f"{HOST}:1"), ENCODER)
        report = await publisher.publish(new_orders(1))
        [reason] = report.unreached.values()
        assert ":1: Connection refused" in reason
        with pytest.raises(BrokerUnavailable, match="refused"):
            await publisher.ping()
        await publisher.close()


async def test_a_broker_without_tls_is_unavailable_over_tls(kafka: Kafka) -> None:
    server = kafka.connection.bootstrap_servers
    connection = KafkaConnection(server, security_protocol="SSL")
    with pytest.raises(BrokerUnavailable):
        await KafkaPublisher(connection, ENCODER).ping()


async def test_one_of_several_bootstrap_servers_is_enough(kafka: Kafka) -> None:
    await reach(KafkaConnection(f"{HOST}:1,{kafka.connection.bootstrap_servers}"))


def test_settings_are_passed_to_aiokafka() -> None:
    assert KafkaConnection("b:9092").arguments() == {
        "bootstrap_servers": "b:9092",
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
    sasl = KafkaConnection("b:9092", "SASL_SSL", "SCRAM-SHA-512", "me", "secret")
    arguments = sasl.arguments()
    assert arguments.pop("ssl_context").check_hostname
    assert arguments == {
        "bootstrap_servers": "b:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "me",
        "sasl_plain_password": "secret",
    }
    assert "secret" not in repr(sasl)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"security_protocol": "TLS"}, "security protocol"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}, "mechanism"),
        ({"security_protocol": "SASL_PLAINTEXT"}, "user name"),
        ({"security_protocol": "SSL", "ssl_cafile": "no-such-file.pem"}, "no-such-file.pem"),
    ],
)
def test_invalid_settings_are_rejected_with_a_reason(
    arguments: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        KafkaConnection("b:9092", **arguments)
