"""`orders audit --broker` compares the published events with Kafka's topics."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.kafka.connection import KafkaConnection
from tests.e2e.backing_services import settings_with
from tests.e2e.service import Service, eventually, running_service
from tests.integration.kafka_tools import Kafka
from tests.servers.ports import HOST
from tests.support.postgres import beside

CHANGED = "order_status_changed"
COUNTS = (
    "orders=1 published=1 processed=1 pending=0 unpublished=0 lost=0 duplicated=0 stuck=0"
    " missing={missing} uncompared={uncompared}"
)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return settings_with(request, ["KAFKA_BOOTSTRAP_SERVERS"])


@pytest.fixture
def service(settings: dict[str, str]) -> Iterator[Service]:
    """A service with Kafka and one order, whose three events have been published."""
    with running_service(**settings, PROCESSING_DELAY="0") as service:
        user = service.register()
        order = user.processed_order()
        paid = user.request("PATCH", f"/orders/{order['id']}/", json={"status": "PAID"})
        assert paid.status_code == 200
        eventually(lambda: " unpublished=0 " in service.run("audit").stdout)
        yield service


def on_kafka(settings: dict[str, str], work: Callable[[Kafka], Awaitable[Any]]) -> Any:
    """Run `work` on the topics of these settings."""
    connection = KafkaConnection(
        settings["KAFKA_BOOTSTRAP_SERVERS"], topic_prefix=settings["KAFKA_TOPIC_PREFIX"]
    )

    async def run() -> Any:
        async with AsyncExitStack() as stack:
            return await work(Kafka(connection, stack))

    return beside(run)


def events_of(service: Service) -> dict[str, Any]:
    """Return the report in JSON, and check that the exit status agrees with it."""
    done = service.audit_broker("--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == bool(report["missing"])
    return report


def test_every_event_is_found_if_the_broker_is_in_reach(service: Service) -> None:
    clean = COUNTS.format(missing=0, uncompared=0) + "\n"
    done = service.audit_broker()
    assert (done.returncode, done.stdout) == (0, clean)
    assert service.run("outbox", "replay", "--all-since", "2026-01-01T00:00:00Z").returncode == 0
    eventually(lambda: " replays=0 " in service.run("outbox", "status").stdout)
    assert service.audit_broker().stdout == clean
    done = service.run("audit", "--broker", KAFKA_BOOTSTRAP_SERVERS=f"{HOST}:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"orders: Kafka (KAFKA_BOOTSTRAP_SERVERS) cannot be read: {HOST}:1: Connection refused."
    )
    assert "Traceback" not in done.stderr


def test_events_that_kafka_does_not_have_are_named(
    service: Service, settings: dict[str, str]
) -> None:
    [before] = on_kafka(settings, lambda kafka: kafka.read(1, CHANGED))
    on_kafka(settings, lambda kafka: kafka.delete_topic(CHANGED))
    on_kafka(settings, lambda kafka: kafka.make_topic(CHANGED, 6))
    order_id = before.key.decode()
    done = service.audit_broker()
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        COUNTS.format(missing=1, uncompared=0),
        f"missing: {order_id} (record-missing, version 2, {CHANGED} {before.partition}:0)",
    ]
    event = {
        "id": order_id,
        "version": 2,
        "event_id": dict(before.headers)["ce_id"].decode(),
        "topic": CHANGED,
        "partition": before.partition,
        "offset": 0,
    }
    assert events_of(service)["missing_events"] == [event | {"reason": "record-missing"}]
    # Another program's record takes the event's place.
    message = {"key": before.key, "value": before.value, "partition": before.partition}
    on_kafka(settings, lambda kafka: kafka.write(message, topic=CHANGED))
    assert events_of(service)["missing_events"] == [event | {"reason": "record-differs"}]
    # The topic's retention removes the foreign record.
    on_kafka(settings, lambda kafka: kafka.remove_before(1, CHANGED, before.partition))
    assert service.audit_broker().stdout == COUNTS.format(missing=0, uncompared=1) + "\n"
    on_kafka(settings, lambda kafka: kafka.delete_topic("order_processed"))
    [event] = events_of(service)["missing_events"]
    assert (event["topic"], event["reason"]) == ("order_processed", "record-missing")
