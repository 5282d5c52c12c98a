"""The consequences of the restore, compared with the manual."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer

from tests.e2e.service import eventually
from tools.restore_drill.deployment import Deployment
from tools.restore_drill.orders import DrillOrders
from tools.restore_drill.transcript import ensure, print_line, print_step

#: The event ids of a topic's messages by order, in the order of their offsets.
_EventIds: TypeAlias = Mapping[str, list[str]]


def compare_kafka(deployment: Deployment, orders: DrillOrders) -> None:
    """Check that Kafka has the events of the lost orders."""
    print_step("The events in Kafka, compared with the database")
    event_ids = _event_ids(deployment, "new_order")
    unknown = set(event_ids) - {each["id"] for each in (*orders.kept, orders.waiting)}
    print_line(
        f"new_order has events of {len(event_ids)} orders;"
        f" {len(unknown)} of the orders are not in the database"
    )
    ensure(unknown == {each["id"] for each in orders.lost})


def compare_cache(orders: DrillOrders, *, lost: str, paid: str) -> None:
    """Check the responses to a read of a lost order, and of the order that was paid."""
    summaries = orders.summary_of(orders.lost[0]), orders.summary_of(orders.paid)
    print_line(f"GET a lost order:            {summaries[0]}")
    print_line(f"GET the order that was paid: {summaries[1]}")
    ensure(summaries == (lost, paid))


def compare_dead_letters(deployment: Deployment) -> None:
    """Check that the lost orders that were not handed over are dead letters."""
    eventually(lambda: deployment.api.run("dlq", "list").stdout.count("there is no order") == 2)
    deployment.orders("dlq", "list")


def compare_consumed_events(deployment: Deployment, orders: DrillOrders) -> None:
    """Check the repeated event of the waiting order, and the two versions 2 of the paid order."""
    print_step("The events that consumers receive")
    ids = _event_ids(deployment, "new_order")[orders.waiting["id"]]
    print_line(f"The waiting order was announced {len(ids)} times, by {len(set(ids))} event")
    ensure(len(ids) == 2 and len(set(ids)) == 1)
    orders.cancel_paid()
    ids = _event_ids(deployment, "order_status_changed")[orders.paid["id"]]
    print_line(f"The paid order is canceled now: {len(set(ids))} events have its version 2")
    ensure(len(set(ids)) == 2)


def compare_end(deployment: Deployment, orders: DrillOrders) -> None:
    """Check that a new order is processed, and that the audit is clean."""
    print_step("At the end")
    new = orders.place_at_end()
    print_line(f"A new order: {orders.summary_of(new)}, processed")
    deployment.orders("audit")
    counts = deployment.audit_counts()
    ensure(counts["processed"] == counts["orders"] == len(orders.kept) + 2)
    ensure(not (counts["lost"] or counts["duplicated"] or counts["stuck"]))


def _event_ids(deployment: Deployment, topic: str) -> _EventIds:
    return asyncio.run(_read_event_ids(deployment.kafka.url, topic))


async def _read_event_ids(bootstrap: str, topic: str) -> _EventIds:
    # A consumer without a group has every partition.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = consumer.assignment()
        found: defaultdict[str, list[str]] = defaultdict(list)
        for part, end in (await consumer.end_offsets(parts)).items():
            while await consumer.position(part) < end:
                record = await consumer.getone(part)
                found[record.key.decode()].append(dict(record.headers)["ce_id"].decode())
        return found
    finally:
        await consumer.stop()
