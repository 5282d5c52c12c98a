"""The page for Prometheus: counts and figures, and cases in which they are missing."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from adapters.memory.cache import MemoryOrderCache
from application.delivery.dead_letter_order import DeadLetterOrder
from application.errors import Unavailable
from application.ports.events import Topic
from application.ports.outbox_admin import OutboxState
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.events import Outcome
from entrypoints.composition.dead_tasks import dead_lettering
from entrypoints.http.openapi.operation import operations_of
from entrypoints.http.routes import ROUTES
from entrypoints.observability.metrics import scrape, table
from entrypoints.observability.metrics.cache import CountedOrderCache
from entrypoints.observability.metrics.requests import count_request, named
from entrypoints.observability.metrics.scrape import (
    BusGauges,
    CountedByAll,
    Metrics,
    PoolUse,
    StorageGauges,
)
from entrypoints.observability.metrics.tasks import TaskResult, counting
from libraries.task_stream.retries import DeadTask
from tests.support.faults import UnreachableCache
from tests.support.orders import a_placed_order, a_user_id, an_order_id, rendered_write
from tests.support.time import NOW, MovableClock

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"

Page = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


ONE = {"topic": "new_order", "group": "order-processing"}


async def no_lag() -> Mapping[Topic, Mapping[int, int]]:
    return {}


async def a_page(
    outbox: Callable[[], Awaitable[OutboxState]] | None = None,
    lag: Callable[[], Awaitable[Mapping[Topic, Mapping[int, int]]]] = no_lag,
    pool: Callable[[], PoolUse] | None = None,
) -> Page:
    metrics = Metrics(StorageGauges(outbox, pool), BusGauges(lag), MovableClock())
    return read(await metrics())


def read(page: bytes) -> Page:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def value(page: Page, name: str, **labels: str) -> float | None:
    return page.get((name, frozenset(labels.items())))


def outbox_gauges(page: Page) -> dict[str, float]:
    prefix = "orders_outbox_"
    return {
        name.removeprefix(prefix): n for (name, _), n in page.items() if name.startswith(prefix)
    }


async def counted(name: str, **labels: str) -> float:
    return value(await a_page(), name, **labels) or 0


# --- Several workers


def test_file_of_a_starting_worker_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "counter_17.db").touch()
    assert list(CountedByAll(str(tmp_path)).collect()) == []


# --- The table


def described() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Return each metric in the table, with its labels and its meaning."""
    for each in vars(table).values():
        if isinstance(each, table.Asked):
            yield each.name, each.labels, each.meaning
        elif isinstance(each, Counter | Gauge | Histogram):
            [family] = each.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, tuple(each._labelnames), family.documentation


def test_document_explains_every_metric_and_no_other() -> None:
    rows = re.search(
        r"<!-- metrics.*?-->\n.*?\n.*?\n(.*?)<!-- end", DOCUMENT.read_text(), re.DOTALL
    )
    assert rows is not None
    explained = set()
    for row in rows[1].splitlines():
        name, labels, _, tells = (cell.strip() for cell in row.strip("|").split("|"))
        explained.add((name.strip("`"), tuple(re.findall(r"`(\w+)`", labels)), tells))
    assert explained == set(described())
    assert len(explained) == 16


def test_alerts_use_existing_metrics_and_labels() -> None:
    labels = {name: set(of_metric) for name, of_metric, _ in described()}
    alerts = DOCUMENT.read_text().partition("## Alerts")[2]
    expressions = re.findall(r"^\| `([^`]+)`", alerts, re.MULTILINE)
    assert expressions
    for expression in expressions:
        names = {name.removesuffix("_bucket") for name in re.findall(r"\borders_\w+", expression)}
        assert names <= labels.keys()
        used = set(re.findall(r'(\w+)="', expression))
        for listed in re.findall(r"(?:by|ignoring) ?\((.*?)\)", expression):
            used |= set(listed.split(", "))
        assert used - {"le"} <= {label for name in names for label in labels[name]}


# --- Requests


def test_route_is_named_as_in_the_openapi_document() -> None:
    for operation in operations_of(ROUTES):
        assert named(operation.path.rstrip("/")) == operation.path


async def test_request_is_counted_by_route_and_status() -> None:
    name, labels = "orders_http_requests_total", {"method": "GET", "route": "/a/{b}/"}
    seconds = "orders_http_request_duration_seconds_bucket"
    before = await counted(name, **labels, status="200")
    for spent in (0.002, 0.2):
        count_request("GET", "/a/{b}", 200, spent)
    count_request("GET", "/a/{b}", 404, 0.002)
    page = await a_page()
    assert value(page, name, **labels, status="200") == before + 2
    assert value(page, seconds, **labels, le="0.0025") == 2
    assert value(page, seconds, **labels, le="+Inf") == 3


async def test_clients_cannot_add_series() -> None:
    count_request("BREW", None, 405, 0.001)
    page = await a_page()
    name = "orders_http_requests_total"
    assert value(page, name, method="other", route="unmatched", status="405")
    assert "BREW" not in str(page)


# --- Cache and tasks


async def test_cache_reads_are_counted_by_result() -> None:
    name = "orders_cache_reads_total"
    results = ("hit", "miss", "bypass")
    before = [await counted(name, result=result) for result in results]
    cache = CountedOrderCache(MemoryOrderCache(300))
    write = rendered_write(a_placed_order(a_user_id()))
    order_id = OrderId(write.event.subject)
    lease = (await cache.get(order_id)).lease
    assert lease is not None
    await cache.fill(order_id, write.document, lease)
    assert await cache.put(order_id, write.document)
    for _ in range(2):
        assert (await cache.get(order_id)).document == write.document
    await CountedOrderCache(UnreachableCache()).get(order_id)
    after = [await counted(name, result=result) for result in results]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1, 1]


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome.FULFILLED, TaskResult.FULFILLED),
        (Outcome.SKIPPED, TaskResult.SKIPPED),
        (None, TaskResult.REPEATED),
        (OrderNotFound(), TaskResult.UNKNOWN),
        (Unavailable(), TaskResult.POSTPONED),
        (asyncio.CancelledError(), TaskResult.POSTPONED),
        (ZeroDivisionError(), TaskResult.FAILED),
    ],
)
async def test_task_run_is_counted_by_result(
    outcome: Outcome | BaseException | None, result: TaskResult
) -> None:
    async def process(_: OrderId) -> Outcome | None:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    before = await counted_tasks()
    if isinstance(outcome, BaseException):
        with pytest.raises(type(outcome)):
            await counting(process)(an_order_id())
    else:
        assert await counting(process)(an_order_id()) is outcome
    assert await counted_tasks() == before | {result: before[result] + 1}


async def test_dead_task_is_counted_once_it_is_a_dead_letter() -> None:
    async def fail(*_: object) -> bool:
        raise Unavailable

    task = DeadTask(b'{"args": ["%s"]}' % str(an_order_id()).encode(), "why", 5)
    before = await counted_tasks()
    with pytest.raises(Unavailable):
        await dead_lettering(cast(DeadLetterOrder, fail))(task)
    assert await counted_tasks() == before
    await dead_lettering(cast(DeadLetterOrder, fail))(DeadTask(b"?", "why", 0))
    assert await counted_tasks() == before | {TaskResult.DEAD: before[TaskResult.DEAD] + 1}


async def counted_tasks() -> dict[TaskResult, float]:
    page = await a_page()
    return {each: value(page, "orders_tasks_total", result=each.value) or 0 for each in TaskResult}


# --- Figures that are read at the scrape


async def an_outbox() -> OutboxState:
    return OutboxState(3, NOW - timedelta(seconds=90), None, parked=1, replays=2)


def gauges_of_an_outbox(*, figures_age_seconds: float) -> dict[str, float]:
    """Return the gauges of `an_outbox`."""
    return {
        "unpublished": 3,
        "oldest_age_seconds": 90,
        "parked": 1,
        "replays": 2,
        "figures_age_seconds": figures_age_seconds,
    }


async def test_outbox_gauges_have_the_age_of_the_oldest_event() -> None:
    page = await a_page(an_outbox)
    assert outbox_gauges(page) == gauges_of_an_outbox(figures_age_seconds=0)


async def test_age_of_an_empty_outbox_is_zero() -> None:
    async def outbox() -> OutboxState:
        return OutboxState(0, None, None)

    page = await a_page(outbox)
    assert value(page, "orders_outbox_unpublished") == 0
    assert value(page, "orders_outbox_oldest_age_seconds") == 0


async def test_lag_is_shown_by_topic_group_and_partition() -> None:
    async def lag() -> Mapping[Topic, Mapping[int, int]]:
        return {Topic("new_order", "order-processing"): {4: 0, 2: 7}}

    page = await a_page(lag=lag)
    assert value(page, "orders_consumer_lag", **ONE, partition="2") == 7
    assert value(page, "orders_consumer_lag", **ONE, partition="4") == 0


async def test_pool_gauges_show_the_present_use() -> None:
    page = await a_page(pool=lambda: PoolUse(2, 3, 10))
    assert value(page, "orders_db_pool_connections", state="in_use") == 2
    assert value(page, "orders_db_pool_connections", state="idle") == 3
    assert value(page, "orders_db_pool_size") == 10


async def out_of_reach() -> OutboxState:
    raise Unavailable


async def hanging() -> OutboxState:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("outbox", [out_of_reach, hanging])
async def test_figures_that_were_never_read_are_left_out(
    outbox: Callable[[], Awaitable[OutboxState]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "_READ_SECONDS", 0.01)
    async with asyncio.timeout(60):
        page = await a_page(outbox)
    assert value(page, "orders_outbox_unpublished") is None
    assert value(page, "orders_outbox_oldest_age_seconds") is None
    assert value(page, "orders_cache_reads_total", result="hit") is not None


@pytest.mark.parametrize("outage", [out_of_reach, hanging])
async def test_last_figures_of_the_outbox_stay_with_their_age(
    outage: Callable[[], Awaitable[OutboxState]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([an_outbox, outage, an_outbox])

    async def outbox() -> OutboxState:
        return await next(answers)()

    clock = MovableClock()
    metrics = Metrics(StorageGauges(outbox), BusGauges(no_lag), clock)
    assert value(read(await metrics()), "orders_outbox_unpublished") == 3
    await clock.advance(30)
    monkeypatch.setattr(scrape, "_READ_SECONDS", 0.01)
    page = read(await metrics())
    assert outbox_gauges(page) == gauges_of_an_outbox(figures_age_seconds=30)
    monkeypatch.setattr(scrape, "_READ_SECONDS", 60.0)
    page = read(await metrics())
    assert value(page, "orders_outbox_oldest_age_seconds") == 120
    assert value(page, "orders_outbox_figures_age_seconds") == 0


async def test_concurrent_scrapes_share_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrape, "_READ_SECONDS", 60.0)
    asked = 0
    answered = asyncio.Event()

    async def outbox() -> OutboxState:
        nonlocal asked
        asked += 1
        await answered.wait()
        return OutboxState(asked, None, None)

    metrics = Metrics(StorageGauges(outbox), BusGauges(no_lag), MovableClock())
    scrapes = [asyncio.create_task(metrics()) for _ in range(3)]
    await asyncio.sleep(0)
    scrapes[0].cancel()
    answered.set()
    pages = [read(await scrape) for scrape in scrapes[1:]]
    assert [value(page, "orders_outbox_unpublished") for page in pages] == [1, 1]
    assert value(read(await metrics()), "orders_outbox_unpublished") == 2
