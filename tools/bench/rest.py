"""Measure the service's processing, growing amounts of data, and memory when idle."""

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tools.bench.contestants import (
    Account,
    external,
    open_account,
    orders_serve,
    work_of,
)
from tools.bench.copies import grow, place_template
from tools.bench.figures import Figure, growth_figure, memory_figure, processing_figure
from tools.bench.processes import resident_mib
from tools.bench.storage import drain, processing_since, some_orders
from tools.bench.wrk import Measured, Work, measure

_FEW: Final = 1000
#: How many random orders are read in turn.
_SAMPLE: Final = 1000
_REST: Final = 3.0
#: Milliseconds between requests on a connection. With 32 connections, this results in about 200
#: orders per second.
_PAUSE: Final = 150


def processing(database: str, create: Work, folder: Path, seconds: int) -> Figure:
    """Measure the time from creation to effect in PostgreSQL, at about 200 orders per second."""
    paced = replace(create, pause=_PAUSE)
    since = datetime.now(UTC)
    seen = measure(paced, folder, seconds)
    drain(database)
    return processing_figure(seen.per_second, processing_since(database, since))


def growth(database: str, folder: Path, many: int, seconds: int) -> list[Figure]:
    """Measure reads and lists for a user with few orders, and again with many orders.

    This runs without Redis because each read should select the order by its key.
    """
    with orders_serve(folder, "growth", external(database)) as running:
        account = open_account(running.url)
        with closing(account.client):
            template = place_template(account, database)
            seen = []
            for first, last in ((2, _FEW), (_FEW + 1, many)):
                grow(database, template, first, last)
                seen.append(_read_and_list(account, database, folder, seconds))
    few, many_seen = seen
    return [growth_figure(work, (_FEW, few[work]), (many, many_seen[work])) for work in few]


def _read_and_list(
    account: Account, database: str, folder: Path, seconds: int
) -> dict[str, Measured]:
    paths = [f"/orders/{order}/" for order in some_orders(database, _SAMPLE)]
    works = {
        "read": work_of(account, *paths),
        "list of 20": work_of(account, f"/orders/user/{account.id}/?limit=20"),
    }
    return {name: measure(work, folder, seconds) for name, work in works.items()}


def memory(folder: Path, orders: int = 1000) -> Figure:
    """Measure how much memory an embedded service uses after creating some orders."""
    with orders_serve(folder, "embedded", {"DATA_DIR": str(folder / "var")}) as running:
        account = open_account(running.url)
        with closing(account.client):
            account.place(orders)
        time.sleep(_REST)
        return memory_figure(resident_mib(running.pid))
