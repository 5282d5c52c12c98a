"""`orders rehearse` on a real Kafka."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.kafka.connection import KafkaConnection
from tests.integration.kafka_tools import Kafka, no_tasks_left
from tests.integration.rehearsals import a_topic, published, rehearse
from tests.servers.plugin import Shared
from tests.servers.ports import HOST

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

KINDS = {
    "first-delivery",
    "duplicate",
    "replay",
    "gap",
    "late",
    "unknown-type",
    "dead-letter",
    "unreadable",
}


@pytest.fixture
async def kafka(kafka_server: Shared) -> AsyncIterator[Kafka]:
    async with no_tasks_left(), AsyncExitStack() as stack:
        yield Kafka(KafkaConnection(kafka_server.bootstrap), stack)


def by_partition(records: Sequence[Mapping[str, Any]]) -> Mapping[int, Sequence[tuple[Any, ...]]]:
    found = defaultdict(list)
    for each in records:
        found[each["partition"]].append((each["offset"], each["ce_id"], each["order"]))
    return found


async def test_the_printed_records_are_on_the_topic(kafka: Kafka, kafka_server: Shared) -> None:
    topic = a_topic()
    rehearsal = published(kafka_server.bootstrap, topic, "--seed", "7")
    assert {each["kind"] for each in rehearsal["records"]} == KINDS
    stored = defaultdict(list)
    for record in await kafka.read_all(topic):
        ce_id = dict(record.headers)["ce_id"].decode()
        stored[record.partition].append((record.offset, ce_id, record.key.decode()))
    assert stored == by_partition(rehearsal["records"])
    assert len(stored) > 1


async def test_the_same_seed_publishes_the_same_bytes_again(
    kafka: Kafka, kafka_server: Shared
) -> None:
    topic = a_topic()
    first = published(kafka_server.bootstrap, topic, "--orders", "3")
    second = published(kafka_server.bootstrap, topic, "--orders", "3")
    assert first["expected"] == second["expected"]
    by_key = defaultdict(list)
    for record in await kafka.read_all(topic):
        by_key[record.key].append((record.value, record.headers))
    assert len(by_key) == 3
    for records in by_key.values():
        half = len(records) // 2
        assert records[:half] == records[half:]


def test_the_lines_end_with_the_state_of_a_right_consumer(kafka_server: Shared) -> None:
    done = rehearse(
        "--topic", a_topic(), "--orders", "2", KAFKA_BOOTSTRAP_SERVERS=kafka_server.bootstrap
    )
    assert (done.returncode, done.stderr) == (0, "")
    records, _, states = done.stdout.partition("\n\n")
    assert records.startswith("partition=")
    assert states.count(" applied=1,") == 2


def test_a_rehearsal_needs_kafka() -> None:
    done = rehearse("--topic", "rehearsal")
    assert (done.returncode, done.stdout) == (78, "")
    assert "KAFKA_BOOTSTRAP_SERVERS: must be set" in done.stderr


def test_a_rehearsal_needs_a_topic() -> None:
    done = rehearse(KAFKA_BOOTSTRAP_SERVERS=f"{HOST}:1")
    assert done.returncode != 0
    assert "--topic" in done.stdout + done.stderr


def test_a_topic_of_the_service_is_refused_before_connecting() -> None:
    done = rehearse(
        "--topic",
        "shop-a.new_order",
        KAFKA_BOOTSTRAP_SERVERS=f"{HOST}:1",
        KAFKA_TOPIC_PREFIX="shop-a.",
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        "orders: --topic: the name shop-a.new_order ends with new_order, which is for real events"
        " only, and a rehearsal must never reach their consumers.\n"
    )


def test_an_unreachable_broker_is_one_sentence() -> None:
    done = rehearse("--topic", "rehearsal", KAFKA_BOOTSTRAP_SERVERS=f"{HOST}:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "orders: Kafka (KAFKA_BOOTSTRAP_SERVERS) has not stored the rehearsal:"
        f" {HOST}:1: Connection refused.\n"
    )


@pytest.mark.parametrize("orders", ["0", "10001", "many"])
def test_a_wrong_number_of_orders_is_refused(orders: str) -> None:
    done = rehearse("--topic", "rehearsal", "--orders", orders, KAFKA_BOOTSTRAP_SERVERS=f"{HOST}:1")
    assert done.returncode != 0
    assert "--orders" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_no_database_is_opened(kafka_server: Shared) -> None:
    published(
        kafka_server.bootstrap,
        a_topic(),
        DATABASE_URL=f"postgresql+asyncpg://orders:secret@{HOST}:1/orders",
        JWT_SECRET_KEY="a key of thirty-two bytes or more",
    )


def test_the_prefix_is_not_added_to_the_topic(kafka_server: Shared) -> None:
    topic = a_topic()
    prefixed = published(kafka_server.bootstrap, topic, KAFKA_TOPIC_PREFIX="shop-a.")
    again = published(kafka_server.bootstrap, topic)
    assert prefixed["topic"] == topic
    assert min(each["offset"] for each in again["records"]) > 0
