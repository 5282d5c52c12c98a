"""Tasks left by an earlier process are processed once and don't delay startup."""

import re
from uuid import uuid4

import pytest

from tests.e2e.service import NO_LIMITS, Service, a_prepared_data_dir, a_service, eventually

#: Longer than two requeue intervals.
SLOW = {"PROCESSING_DELAY": "8", "SWEEP_AFTER": "1"}


def task_results(service: Service) -> dict[str, int]:
    """Return how many tasks this process has finished, by result."""
    page = service.http.get("/metrics").text
    found = re.findall(r'^orders_tasks_total\{result="(\w+)"\} (\S+)', page, re.MULTILINE)
    return {result: int(float(count)) for result, count in found if float(count)}


@pytest.mark.parametrize("queue", ["in process", "on Redis"])
def test_an_order_of_a_killed_process_is_processed_once(
    queue: str, request: pytest.FixtureRequest
) -> None:
    settings = {**NO_LIMITS, **SLOW}
    if queue == "on Redis":
        settings["REDIS_URL"] = request.getfixturevalue("redis_server").url
        settings["REDIS_PREFIX"] = f"{uuid4().hex}:"
    with a_prepared_data_dir() as folder, a_service(folder, **settings) as service:
        service.settings["PROCESSING_DELAY"] = "3600"
        user = service.start().register()
        left = [user.order()["id"] for _ in range(3)]
        eventually(lambda: "published=3 " in service.run("audit").stdout)
        service.kill_everything()

        service.settings["PROCESSING_DELAY"] = SLOW["PROCESSING_DELAY"]
        again = service.start().log_in(user.email)
        eventually(lambda: all(again.get(f"/orders/{i}/").json()["processed_at"] for i in left))
        assert task_results(service) == {"fulfilled": 3}
        assert service.http.get("/health/").json() == {"status": "ok"}
        service.stop()
