"""Orders are processed in all eight combinations of configured and missing backing services."""

from contextlib import ExitStack
from itertools import product

import pytest

from tests.e2e.backing_services import (
    BACKING_SERVICES,
    ROLES,
    a_role,
    migrate,
    settings_with,
)
from tests.e2e.service import eventually, running_service

COMBINATIONS = [
    [name for name, wanted in zip(BACKING_SERVICES, choice, strict=True) if wanted]
    for choice in product([False, True], repeat=len(BACKING_SERVICES))
]


def test_several_workers_share_an_address(request: pytest.FixtureRequest) -> None:
    settings = settings_with(request)
    migrate(settings)
    with running_service(**settings, WORKERS="2") as service:
        user = service.register()
        order = user.order()
        service.http.headers["Connection"] = "close"  # use both workers

        def states() -> set[str]:
            return {user.get(f"/orders/{order['id']}/").headers["X-Cache"] for _ in range(20)}

        eventually(lambda: states() == {"HIT"})


@pytest.mark.parametrize("given", COMBINATIONS, ids=lambda given: " ".join(given) or "nothing")
def test_an_order_is_processed_with(given: list[str], request: pytest.FixtureRequest) -> None:
    settings = {**settings_with(request, given), "PROCESSING_DELAY": "0"}
    with ExitStack() as processes:
        if len(given) == len(BACKING_SERVICES):
            migrate(settings)
            for role in ROLES:
                processes.enter_context(a_role(role, settings))
        service = processes.enter_context(running_service(**settings))
        user = service.register()
        order = user.order()
        path = f"/orders/{order['id']}/"
        # The order may be processed at any time. If the cached revision is outdated by then, it
        # isn't returned.
        eventually(lambda: user.get(path).headers["X-Cache"] == "HIT")
        assert user.request("PATCH", path, json={"status": "PAID"}).status_code == 200
        assert user.get(path).json()["status"] == "PAID"
        eventually(lambda: user.get(path).json()["processed_at"])
        assert user.get(path).headers["ETag"] == '"v2p"'
        eventually(lambda: service.http.get("/health/ready/").json()["status"] == "ok")
