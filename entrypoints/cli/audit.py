"""`orders audit`: check that every order was processed exactly once."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress

from application.delivery.audit_broker import AuditBroker
from application.delivery.audit_orders import AuditOrders
from application.errors import BrokerUnavailable
from application.ports.audit import AuditProgress, AuditReport, Bad, BrokerReport, MissingEvent
from domain.ids import OrderId
from entrypoints.cli.parameters import Flag
from entrypoints.cli.run import configured, run
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.composition.startup import opened_container
from entrypoints.observability.readiness import Readiness
from entrypoints.settings import Settings


def audit(*, json: Flag = False, broker: Flag = False) -> None:
    """Find lost, duplicated and stuck orders; exit 1 for any.

    Parameters
    ----------
    json
        Print a JSON object instead of a line.
    broker
        Compare the published events with Kafka's topics too, and exit 1 if any is missing.
    """
    run(_audit(configured(), as_json=json, with_broker=broker))


async def _audit(settings: Settings, *, as_json: bool, with_broker: bool) -> int:
    """Audit all orders and print the report. Return the exit status.

    Raises:
        Misconfigured: there is no broker to compare with.
        CannotStart: the broker isn't responding.
    """
    if with_broker and settings.kafka_bootstrap_servers is None:
        raise Misconfigured(
            "There is no broker to compare with: set KAFKA_BOOTSTRAP_SERVERS, or run the audit"
            " without --broker."
        )
    async with opened_container(settings) as container:
        broker_report = None
        if with_broker:
            broker_report = await _compare(await container.get(AuditBroker))
        audit_orders = await container.get(AuditOrders)
        state = await (await container.get(Readiness))()
        is_broker_reachable = state.checks.get("kafka") != "down"
        with _progress("audit") as progress:
            report, now = await audit_orders(is_broker_reachable, progress)
    write = json_of if as_json else text_of
    sys.stdout.write(write(report, now, broker_report))
    return 0 if report.is_clean and not (broker_report and broker_report.missing) else 1


async def _compare(audit_broker: AuditBroker) -> BrokerReport:
    try:
        with _progress("broker") as progress:
            return await audit_broker(progress)
    except BrokerUnavailable as error:
        raise CannotStart(f"Kafka (KAFKA_BOOTSTRAP_SERVERS) cannot be read: {error}.") from error


@contextmanager
def _progress(what: str) -> Iterator[AuditProgress]:
    """Show a progress bar if standard error is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def show(seen: int, in_all: int) -> None:
            bar.update(task, completed=seen, total=in_all)

        yield show


def _counts(report: AuditReport, broker: BrokerReport | None) -> dict[str, int]:
    counts = {
        "orders": report.orders,
        "published": report.published,
        "processed": report.processed,
        "pending": report.pending,
        "unpublished": report.unpublished,
        "lost": report.lost.count,
        "duplicated": report.duplicated.count,
        "stuck": report.stuck.count,
    }
    if broker is not None:
        counts |= {"missing": broker.missing, "uncompared": broker.uncompared}
    return counts


def _bad(report: AuditReport) -> dict[str, Bad]:
    return {"lost": report.lost, "duplicated": report.duplicated, "stuck": report.stuck}


def _oldest_seconds(report: AuditReport, now: datetime) -> float | None:
    """Return the age of the oldest unpublished event, or None if there is none."""
    if report.oldest_unpublished is None:
        return None
    return max(0.0, (now - report.oldest_unpublished).total_seconds())


def text_of(report: AuditReport, now: datetime, broker: BrokerReport | None = None) -> str:
    """Return the report as text, with the counts first and then the ids of the bad orders."""
    lines = [" ".join(f"{name}={count}" for name, count in _counts(report, broker).items())]
    oldest = _oldest_seconds(report, now)
    if oldest is not None:
        lines.append(f"unpublished: oldest={oldest:.0f}s")
    for name, bad in _bad(report).items():
        lines.extend(_listed(name, [_named(*each) for each in bad.reasons.items()], bad.count))
    if broker is not None:
        lines.extend(_listed("missing", [_described(e) for e in broker.listed], broker.missing))
    return "\n".join(lines) + "\n"


def _listed(name: str, listed: Sequence[str], count: int) -> Iterator[str]:
    """Yield a line with the first defects of a kind, if there are any."""
    if count:
        more = count - len(listed)
        yield f"{name}: {' '.join(listed)}{f' and {more} more' if more else ''}"


def _named(order_id: OrderId, reasons: Sequence[str]) -> str:
    return f"{order_id} ({', '.join(reasons)})" if reasons else str(order_id)


def _described(event: MissingEvent) -> str:
    """Describe an event by its order, its version, its topic, and its partition and offset."""
    fact = event.fact
    where = f"version {fact.version}, {fact.topic} {event.placement}"
    return f"{fact.subject} ({event.reason}, {where})"


def json_of(report: AuditReport, now: datetime, broker: BrokerReport | None = None) -> str:
    """Return the report as a JSON object."""
    values: dict[str, Any] = {
        **_counts(report, broker),
        **{f"{name}_ids": bad.ids for name, bad in _bad(report).items()},
        "lost_reasons": report.lost.reasons,
        "oldest_unpublished_seconds": _oldest_seconds(report, now),
    }
    if broker is not None:
        values["missing_events"] = [_values(event) for event in broker.listed]
    return msgspec.json.encode(values).decode() + "\n"


def _values(event: MissingEvent) -> dict[str, Any]:
    fact = event.fact
    return {
        "id": fact.subject,
        "version": fact.version,
        "event_id": fact.id,
        "topic": fact.topic,
        "partition": event.placement.log,
        "offset": event.placement.offset,
        "reason": event.reason,
    }
