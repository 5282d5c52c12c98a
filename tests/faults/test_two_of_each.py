"""Two processes for each role process hundreds of orders."""

from concurrent.futures import ThreadPoolExecutor

from tests.faults.cluster import a_cluster
from tests.faults.customers import TRACE, place_concurrently
from tests.faults.events import first_deliveries, trace_of
from tests.servers.plugin import Shared

ORDERS = 800
CHANGING_FIELDS = {"status", "next_statuses", "version", "updated_at", "processed_at"}


def test_two_processes_of_each_role_process_every_order_once_and_in_order(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    with (
        a_cluster(postgres_server, redis_server, kafka_server, each=2) as cluster,
        ThreadPoolExecutor(1) as threads,
    ):
        placing = threads.submit(place_concurrently, cluster, cluster.api.register(), ORDERS)
        while not placing.done():
            report = cluster.audit_broker()
            # Events that are published during the audit are never missing.
            assert (report["lost"], report["missing"], report["uncompared"]) == (0, 0, 0)
        journal = placing.result()
        assert (journal.refused, journal.broken) == ([], [])
        assert len(journal.placed) == ORDERS
        cluster.assert_drained(ORDERS)
        records = {
            topic: cluster.messages(topic)
            for topic in ("new_order", "order_status_changed", "order_processed")
        }
        assert cluster.messages("new_order.dlq") == []

    events = {topic: first_deliveries(topic, found) for topic, found in records.items()}
    assert len({record.partition for record in records["new_order"]}) >= 3
    assert {trace_of(record) for record in records["new_order"]} == {TRACE}
    assert TRACE in {trace_of(record) for record in records["order_processed"]}
    assert events["new_order"] == {id_: [order] for id_, order in journal.placed.items()}

    assert len(events["order_status_changed"]) == len(journal.changed) == ORDERS / 2
    for order, change in journal.changed:
        [event] = events["order_status_changed"][order["id"]]
        assert event == {
            "order": order,
            "from": "PENDING",
            "to": change["status"],
            "actor": {"kind": "user", "id": order["user_id"]},
            "reason": change["reason"],
            "at": order["updated_at"],
        }

    assert events["order_processed"].keys() == journal.placed.keys()
    canceled = {order["id"] for order, change in journal.changed if change["status"] == "CANCELED"}
    for order_id, [event] in events["order_processed"].items():
        order = event["order"]
        assert event == {
            "order": order,
            "outcome": "skipped" if order["status"] == "CANCELED" else "fulfilled",
            "at": order["processed_at"],
        }
        assert order["status"] != "CANCELED" or order_id in canceled
        placed = journal.placed[order_id]
        assert {k: v for k, v in order.items() if k not in CHANGING_FIELDS} == {
            k: v for k, v in placed.items() if k not in CHANGING_FIELDS
        }
