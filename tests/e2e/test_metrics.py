"""`/metrics` for Prometheus (section 6 of the contract, docs/metrics.md)."""

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrypoints.http.openapi.operation import operations_of
from entrypoints.http.routes import ROUTES
from entrypoints.observability.metrics.scrape import CountedByAll
from tests.e2e.assertions import assert_problem
from tests.e2e.backing_services import a_role, migrate, settings_with
from tests.e2e.service import (
    ANSWER_TIMEOUT_SECONDS,
    SHORT_KEEPALIVE,
    Service,
    User,
    a_data_dir,
    a_service,
    eventually,
)
from tests.servers.ports import HOST, Ports

REQUESTS = "orders_http_requests_total"
SECONDS = "orders_http_request_duration_seconds_count"
CACHE = "orders_cache_reads_total"
TASKS = "orders_tasks_total"
OUTBOX = ("orders_outbox_unpublished", "orders_outbox_oldest_age_seconds")
LAG = "orders_consumer_lag"
POOL = "orders_db_pool_connections"
POOL_SIZE = "orders_db_pool_size"


class Page:
    """A parsed response from `/metrics`."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.samples = [
            sample
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float | None:
        """Return the sum of all series with these labels, or None if there are none."""
        values = [
            each.value
            for each in self.samples
            if each.name == name and labels.items() <= each.labels.items()
        ]
        return sum(values) if values else None

    def count(self, name: str, **labels: str) -> float:
        """Like calling the page, but for counters: return 0 before the first increment."""
        return self(name, **labels) or 0.0


def page_of(service: Service) -> Page:
    return Page(service.http.get("/metrics"))


# --- The embedded service


def test_the_embedded_service_reports_every_metric(service: Service, ada: User) -> None:
    ada.processed_order()
    names = (REQUESTS, SECONDS, CACHE, TASKS, *OUTBOX, LAG, POOL, POOL_SIZE)
    # Late values are left out of the page, and a task is only counted after its order has changed.
    eventually(lambda: all(page_of(service)(name) is not None for name in names))
    page = page_of(service)
    assert page(POOL_SIZE) == 10
    assert page.count(POOL) > 0
    assert page.count("process_resident_memory_bytes") > 0


def test_metrics_need_no_token_and_support_head(service: Service) -> None:
    for path in ("/metrics", "/metrics/"):
        assert Page(service.http.get(path)).samples
        head = service.http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_a_request_is_counted_by_method_route_and_status(service: Service, ada: User) -> None:
    order = ada.order()
    route = {"route": "/orders/{order_id}/"}
    before = page_of(service)
    assert ada.get(f"/orders/{order['id']}/").status_code == 200
    assert ada.get(f"/orders/{order['id']}").status_code == 200
    assert ada.request("HEAD", f"/orders/{order['id']}/").status_code == 200
    assert ada.get(f"/orders/{uuid4()}/").status_code == 404
    assert ada.patch(order, "SHIPPED").status_code == 409
    after = page_of(service)
    for method, status, more in (("GET", "200", 2), ("HEAD", "200", 1), ("GET", "404", 1)):
        labels = {"method": method, "status": status, **route}
        assert after.count(REQUESTS, **labels) - before.count(REQUESTS, **labels) == more
    assert after.count(SECONDS, **route) - before.count(SECONDS, **route) == 5
    labels = {"method": "PATCH", "status": "409", **route}
    assert after.count(REQUESTS, **labels) - before.count(REQUESTS, **labels) == 1


def test_requests_without_a_route_share_one_label(service: Service) -> None:
    before = page_of(service).count(REQUESTS, route="unmatched")
    assert_problem(service.http.get(f"/nowhere/{uuid4()}"), 404, "not-found")
    assert service.http.request("BREW", "/me/").status_code in {400, 405}
    assert service.http.put("/me/").status_code == 405
    after = page_of(service)
    assert after.count(REQUESTS, route="unmatched", status="404") >= 1
    assert after.count(REQUESTS, route="unmatched") - before >= 2


def test_labels_contain_no_client_input(service: Service, ada: User) -> None:
    order = ada.order()
    ada.get(f"/orders/{order['id']}/history/")
    ada.get(f"/orders/user/{ada.id}/")
    ada.get(f"/problems/{order['id']}")
    service.http.get(f"/docs/{order['id']}")
    service.http.get(f"/{order['id']}/", params={"q": order["id"]})
    page = page_of(service)
    labels = {text for sample in page.samples for text in sample.labels.values()}
    assert not [text for text in labels if re.search("[0-9a-f]{8}-", text)]
    routes = {sample.labels["route"] for sample in page.samples if "route" in sample.labels}
    known = {operation.path for operation in operations_of(ROUTES)} | {"/docs/{name}", "unmatched"}
    assert routes <= known


def test_cache_hits_and_misses_are_counted(service: Service, ada: User) -> None:
    order = ada.processed_order()
    before = page_of(service)
    assert ada.get(f"/orders/{order['id']}/").headers["X-Cache"] == "HIT"
    assert ada.get(f"/orders/{uuid4()}/").status_code == 404
    after = page_of(service)
    for result in ("hit", "miss"):
        assert after.count(CACHE, result=result) - before.count(CACHE, result=result) == 1


def test_a_task_is_counted_by_its_result(service: Service, ada: User) -> None:
    before = page_of(service)
    ada.processed_order()

    def cancel_in_time() -> bool:
        canceled = ada.order()
        processed_at = ada.patch(canceled, "CANCELED").json()["processed_at"]
        return processed_at is None

    def since(result: str) -> float:
        return page_of(service).count(TASKS, result=result) - before.count(TASKS, result=result)

    eventually(cancel_in_time)
    eventually(lambda: since("fulfilled") >= 1 and since("skipped") >= 1)
    assert since("failed") == since("dead") == 0
    eventually(lambda: page_of(service)(OUTBOX[0]) == page_of(service)(OUTBOX[1]) == 0)
    eventually(lambda: page_of(service)(LAG) == 0)


# --- The production setup


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Prepare all three backing services."""
    settings = {**settings_with(request), "PROCESSING_DELAY": "0"}
    migrate(settings)
    return settings


@pytest.fixture
def workers(settings: Mapping[str, str]) -> Iterator[Service]:
    """Run two API processes. Every request uses a new connection to either of them."""
    with a_data_dir() as folder:
        more = {"WORKERS": "2", "DB_POOL_SIZE": "7", "TMPDIR": str(folder)}
        with a_service(folder, **settings, **more) as service:
            service.start()
            service.http.headers["Connection"] = "close"
            yield service
            service.stop()
        assert not list(folder.glob("orders-metrics-*"))


def reported_workers(folder: Path) -> set[int]:
    """Return the process ids of the workers whose gauges are included."""
    files = folder.glob("orders-metrics-*/gauge_livesum_*.db")
    return {int(file.stem.rpartition("_")[2]) for file in files}


def reported_pool_sizes(folder: Path) -> float:
    """Return the total pool size, read directly from the workers' own files."""
    [shared] = folder.glob("orders-metrics-*")
    reported_workers = CountedByAll(str(shared)).collect()
    sizes = [
        each.value
        for family in reported_workers
        for each in family.samples
        if each.name == POOL_SIZE
    ]
    return float(sum(sizes))


def test_every_worker_reports_the_sum_of_all_workers_that_live(workers: Service) -> None:
    eventually(lambda: reported_pool_sizes(workers.data_dir) == 2 * 7)
    assert page_of(workers)(POOL_SIZE) == 2 * 7
    for _ in range(40):
        assert workers.http.get("/me/").status_code == 401
    counts = {page_of(workers)(REQUESTS, route="/me/", status="401") for _ in range(10)}
    assert counts == {40}
    page = page_of(workers)
    assert page(SECONDS, route="/me/") == 40
    eventually(lambda: page_of(workers)(OUTBOX[0]) == 0)
    assert page("process_resident_memory_bytes") is None

    # A dead worker leaves the gauges, but not the counters.
    eventually(lambda: len(reported_workers(workers.data_dir)) == 2)
    victim, survivor = reported_workers(workers.data_dir)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(reported_workers(workers.data_dir) - {victim, survivor}) == 1)
    eventually(lambda: victim not in reported_workers(workers.data_dir))
    eventually(lambda: page_of(workers)(POOL_SIZE) == 2 * 7)
    assert page_of(workers)(REQUESTS, route="/me/", status="401") == 40


def test_each_role_reports_its_metrics_on_its_admin_port(settings: Mapping[str, str]) -> None:
    names = ("relay", "consume", "work")
    ports = Ports(len(names))
    with ExitStack() as processes, a_data_dir() as folder:
        processes.callback(ports.release)
        roles = {}
        for name, port in zip(names, ports.numbers, strict=True):
            own = {**settings, "ADMIN_PORT": str(port)}
            processes.enter_context(a_role(name, own))
            base_url = f"http://{HOST}:{port}"
            client = httpx.Client(
                base_url=base_url, timeout=ANSWER_TIMEOUT_SECONDS, limits=SHORT_KEEPALIVE
            )
            roles[name] = processes.enter_context(client)
        service = processes.enter_context(a_service(folder, **settings)).start()
        service.register().processed_order()

        def page(role: str) -> Page:
            return Page(roles[role].get("/metrics"))

        eventually(lambda: page("work")(TASKS, result="fulfilled") == 1)
        eventually(lambda: page("relay")(OUTBOX[0]) == page("relay")(OUTBOX[1]) == 0)
        eventually(lambda: page("consume")(LAG) == 0)
        assert page("relay")(LAG) is page("work")(LAG) is page_of(service)(LAG) is None
        assert page("consume").count(TASKS) == page_of(service).count(TASKS) == 0
        for name in names:
            assert page(name)(POOL_SIZE) == 10
            eventually(lambda: roles[name].get("/health/ready/").json()["status"] == "ok")  # noqa: B023 - awaited in the loop
            assert roles[name].get("/orders/").status_code == 404
        service.stop()
