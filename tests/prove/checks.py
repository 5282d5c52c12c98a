"""Compare what clients were promised with what PostgreSQL and Kafka have at the end."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import asyncpg

from domain.order.status import TRANSITIONS, OrderStatus
from tests.faults.cluster import Cluster
from tests.faults.events import TYPES, first_deliveries
from tests.prove.journal import Journal
from tests.prove.servers import Target
from tests.support.postgres import beside

#: A stale read may see an order that is older than its newest acknowledged write, but only for
#: seconds, if a process was cut off from Redis between its commit and its cache write.
MAX_STALE_SECONDS: Final = 60.0
_STEPS: Final = """
SELECT order_id::text, version, from_status, to_status FROM order_history ORDER BY order_id, version
"""

Steps = Mapping[str, Sequence[tuple[str | None, str]]]


def failures(target: Target, journal: Journal) -> Iterator[str]:
    """Yield each broken promise as a sentence."""
    yield from journal.wrong
    steps = beside(_steps, target.database)
    yield from _acknowledged(journal, steps)
    yield from _illegal(steps)
    yield from _deliveries(target.cluster, steps)
    yield from _audit(target.cluster)
    if letters := target.cluster.dead_letters():
        yield f"{letters} healthy orders are dead letters"
    too_stale = [each for each in journal.stale_seconds if each > MAX_STALE_SECONDS]
    if too_stale:
        yield f"{len(too_stale)} reads were older than a write by up to {max(too_stale):.0f} s"


async def _steps(database: str) -> Steps:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(_STEPS)
    finally:
        await connection.close()
    steps: defaultdict[str, list[tuple[str | None, str]]] = defaultdict(list)
    for order_id, version, before, after in rows:
        assert version == len(steps[order_id]) + 1, order_id
        steps[order_id].append((before, after))
    return steps


def _acknowledged(journal: Journal, steps: Steps) -> Iterator[str]:
    """Check that every acknowledged write is stored, and no more orders than requested."""
    for order in journal.orders:
        stored = steps.get(order.id)
        if stored is None:
            yield f"{order.id} was acknowledged, and is lost"
            continue
        for version, status in order.statuses.items():
            if len(stored) < version or stored[version - 1][1] != status:
                yield f"{order.id} was acknowledged as {status}, version {version}: {stored}"
    if len({order.id for order in journal.orders}) != len(journal.orders):
        yield "two idempotency keys were answered with one order"
    additional = len(steps) - len(journal.orders)
    if not 0 <= additional <= journal.unanswered:
        yield f"{additional} orders are stored without an answer to a customer"


def _illegal(steps: Steps) -> Iterator[str]:
    for order_id, each in steps.items():
        status = None
        for before, after in each:
            is_legal = (
                after == OrderStatus.PENDING
                if before is None
                else OrderStatus(after) in TRANSITIONS[OrderStatus(before)]
            )
            if before != status or not is_legal:
                yield f"{order_id} has an illegal history: {each}"
            status = after


def _deliveries(cluster: Cluster, steps: Steps) -> Iterator[str]:
    """Check the topics with a consumer that is not the service's."""
    seen: dict[str, Mapping[str, Sequence[Any]]] = {}
    for topic in TYPES:
        try:
            seen[topic] = first_deliveries(topic, cluster.messages(topic))
        except AssertionError as error:
            yield f"{topic}: a first delivery is out of order: {error}"
            return
    for order_id, each in steps.items():
        changes = [event["to"] for event in seen["order_status_changed"].get(order_id, ())]
        if changes != [after for before, after in each if before is not None]:
            yield f"order_status_changed has {changes} for {order_id}, and its history is {each}"
        for topic in ("new_order", "order_processed"):
            if len(seen[topic].get(order_id, ())) != 1:
                yield f"{topic} has {seen[topic].get(order_id)} for {order_id}"


def _audit(cluster: Cluster) -> Iterator[str]:
    report = cluster.audit_broker()
    for name in ("pending", "unpublished", "lost", "duplicated", "stuck", "missing", "uncompared"):
        if report[name]:
            yield f"the audit shows {name}={report[name]}"
