"""`orders audit`: whether everything was processed exactly once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import Progress

from application.audit import AuditProgress, AuditReport, Bad, Books
from application.ports.system import Clock
from entrypoints.composition.service import opened_container
from entrypoints.readiness import Readiness
from entrypoints.settings import Settings


async def audit(settings: Settings, *, as_json: bool) -> int:
    """Audit the books and print what they say; the exit status."""
    async with opened_container(settings) as container:
        books = await container.get(Books)
        clock = await container.get(Clock)
        readiness = await container.get(Readiness)
        state = await readiness()
        with _progress() as progress:
            report = await books.audit(
                clock.now(),
                settings.stuck_after,
                broker_reachable=state.checks.get("kafka") != "down",
                progress=progress,
            )
    sys.stdout.write(_json(report) if as_json else _text(report))
    return 0 if report.is_clean else 1


@contextmanager
def _progress() -> Iterator[AuditProgress]:
    """A bar on a terminal, nothing elsewhere."""
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
        "lost": report.lost.count,
        "duplicated": report.duplicated.count,
        "stuck": report.stuck.count,
    }


def _bad(report: AuditReport) -> dict[str, Bad]:
    return {"lost": report.lost, "duplicated": report.duplicated, "stuck": report.stuck}


def _text(report: AuditReport) -> str:
    lines = [" ".join(f"{name}={count}" for name, count in _counts(report).items())]
    for name, bad in _bad(report).items():
        if bad.count:
            more = bad.count - len(bad.ids)
            named = " ".join(map(str, bad.ids))
            lines.append(f"{name}: {named}{f' and {more} more' if more else ''}")
    return "\n".join(lines) + "\n"


def _json(report: AuditReport) -> str:
    ids = {f"{name}_ids": bad.ids for name, bad in _bad(report).items()}
    return msgspec.json.encode({**_counts(report), **ids}).decode() + "\n"
