"""`orders audit`: check that every order was processed exactly once."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec
from rich.console import Console
from rich.progress import Progress

from application.delivery.audit_orders import AuditOrders
from application.ports.audit import AuditProgress, AuditReport, Bad
from domain.ids import OrderId
from entrypoints.cli.parameters import Flag
from entrypoints.cli.run import configured, run
from entrypoints.composition.startup import opened_container
from entrypoints.observability.readiness import Readiness
from entrypoints.settings import Settings


def audit(*, json: Flag = False) -> None:
    """Find lost, duplicated and stuck orders; exit 1 for any.

    Parameters
    ----------
    json
        Print a JSON object instead of a line.
    """
    run(_audit(configured(), as_json=json))


async def _audit(settings: Settings, *, as_json: bool) -> int:
    """Audit all orders and print the report. Return the exit status."""
    async with opened_container(settings) as container:
        audit_orders = await container.get(AuditOrders)
        state = await (await container.get(Readiness))()
        is_broker_reachable = state.checks.get("kafka") != "down"
        with _progress() as progress:
            report, now = await audit_orders(is_broker_reachable, progress)
    sys.stdout.write(json_of(report, now) if as_json else text_of(report, now))
    return 0 if report.is_clean else 1


@contextmanager
def _progress() -> Iterator[AuditProgress]:
    """Show a progress bar if standard error is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("audit", total=None)

        def show(orders_seen: int, orders_in_all: int) -> None:
            bar.update(task, completed=orders_seen, total=orders_in_all)

        yield show


def _counts(report: AuditReport) -> dict[str, int]:
    return {
        "orders": report.orders,
        "published": report.published,
        "processed": report.processed,
        "pending": report.pending,
        "unpublished": report.unpublished,
        "lost": report.lost.count,
        "duplicated": report.duplicated.count,
        "stuck": report.stuck.count,
    }


def _bad(report: AuditReport) -> dict[str, Bad]:
    return {"lost": report.lost, "duplicated": report.duplicated, "stuck": report.stuck}


def _oldest_seconds(report: AuditReport, now: datetime) -> float | None:
    """Return the age of the oldest unpublished event, or None if there is none."""
    if report.oldest_unpublished is None:
        return None
    return max(0.0, (now - report.oldest_unpublished).total_seconds())


def text_of(report: AuditReport, now: datetime) -> str:
    """Return the report as text, with the counts first and then the ids of the bad orders."""
    lines = [" ".join(f"{name}={count}" for name, count in _counts(report).items())]
    oldest = _oldest_seconds(report, now)
    if oldest is not None:
        lines.append(f"unpublished: oldest={oldest:.0f}s")
    for name, bad in _bad(report).items():
        if bad.count:
            more = bad.count - len(bad.ids)
            named = " ".join(_named(*each) for each in bad.reasons.items())
            lines.append(f"{name}: {named}{f' and {more} more' if more else ''}")
    return "\n".join(lines) + "\n"


def _named(order_id: OrderId, reasons: Sequence[str]) -> str:
    return f"{order_id} ({', '.join(reasons)})" if reasons else str(order_id)


def json_of(report: AuditReport, now: datetime) -> str:
    """Return the report as a JSON object."""
    values = {
        **_counts(report),
        **{f"{name}_ids": bad.ids for name, bad in _bad(report).items()},
        "lost_reasons": report.lost.reasons,
        "oldest_unpublished_seconds": _oldest_seconds(report, now),
    }
    return msgspec.json.encode(values).decode() + "\n"
