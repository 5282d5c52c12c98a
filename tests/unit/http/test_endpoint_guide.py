"""Tests of the example code in `docs/how-to/endpoint.md`."""

import re
from contextlib import nullcontext
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import httpx
from dishka import Provider, Scope, provide

from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.app import routing
from entrypoints.http.openapi.document import document
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.routes import ROUTES, orders
from tests.support.app import running_app

GUIDE: Final = (Path(__file__).parents[3] / "docs/how-to/endpoint.md").read_text(encoding="utf-8")
USE_CASE, ROW, ROUTE = map(dedent, re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
PASSWORD: Final = "correct horse battery"


def guide() -> tuple[Provider, Routes]:
    """Run the guide's code, and return its provider and its route."""
    code: dict[str, Any] = {**vars(orders), "provide": provide}
    exec(USE_CASE, code)  # noqa: S102 - a document in this repository
    exec(ROW, code)  # noqa: S102 - the same
    provider = type("GuideProvider", (Provider,), {"read_latest_step": code["read_latest_step"]})
    exec(ROUTE, code)  # noqa: S102 - the same
    return provider(scope=Scope.APP), Routes("Orders", (code["read_latest_step"],))


async def test_the_endpoint_of_the_guide_works() -> None:
    provider, routes = guide()
    async with running_app("", MemoryStorageProvider(), provider) as app:
        account = {"email": "ada@example.com", "password": PASSWORD}
        await app.client.post("/register/", json=account)
        form = {"username": account["email"], "password": PASSWORD}
        token = (await app.client.post("/token/", data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"items": [{"name": "tea"}], "total_price": 1}
        order = (await app.client.post("/orders/", json=body, headers=headers)).json()

        extended = routing(nullcontext(app.container), [*ROUTES, routes])
        transport = httpx.ASGITransport(extended)  # type: ignore[arg-type]  # Litestar's ASGI types
        async with (
            extended.lifespan(),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            path = f"/orders/{order['id']}/latest-step/"
            step = await client.get(path, headers=headers)
            unknown = await client.get("/orders/nothing/latest-step/", headers=headers)
            anonymous = await client.get(path)
    assert step.json()["to"] == "PENDING"
    assert [each.status_code for each in (step, unknown, anonymous)] == [200, 404, 401]


def test_the_document_contains_the_endpoint_of_the_guide() -> None:
    _, routes = guide()
    described = document([*ROUTES, routes])["paths"]["/orders/{order_id}/latest-step/"]["get"]
    assert described["operationId"] == "read_latest_step"
    assert described["summary"] == "Read the latest step of an order's lifecycle"
    statuses = "200 400 401 403 404 422 429 500 503"
    assert set(described["responses"]) == set(statuses.split())
