"""The code in `docs/how-to/payments.md`, run against the API."""

import asyncio
import hmac
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from application.clients.create_client import CreateClient, NewClient
from application.clients.revoke_client import RevokeClient
from domain.scope import Scope
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import App, running_app

PAGE: Final = (Path(__file__).parents[2] / "docs/how-to/payments.md").read_text(encoding="utf-8")
[CODE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMAND: Final = re.findall(r"orders clients create (\S+)((?: --scope \S+)+)", PAGE)
KEY: Final = b"shared with the payment provider"
ACCOUNT: Final = {"email": "ada@example.com", "password": "correct horse battery"}
ORDER: Final = {"items": [{"name": "tea", "price": 19.9}], "total_price": 19.9}


@dataclass
class Shop:
    """The API with one pending order, and the page's handler."""

    app: App
    owner: dict[str, str]
    order: dict[str, Any]
    created: NewClient
    refunded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        names: dict[str, Any] = {}
        exec(compile(CODE, "payments.md", "exec"), names)  # noqa: S102 - our own page
        credentials = (str(self.created.client.id), self.created.secret)
        self.handle = names["PaymentCallback"](self.app.client, credentials, KEY, self.refund)

    @property
    def path(self) -> str:
        return f"/orders/{self.order['id']}/"

    async def refund(self, payment_id: str) -> None:
        self.refunded.append(payment_id)

    async def call_back(self, signature: str | None = None, **changes: Any) -> int:
        """Send a callback like the provider does, and return the response's status."""
        payment = {"id": "pay-7", "order_id": self.order["id"], "amount": 19.9, "currency": "USD"}
        body = json.dumps(payment | changes).encode()
        signed = hmac.new(KEY, body, "sha256").hexdigest()
        status: int = await self.handle(body, signed if signature is None else signature)
        return status

    async def history(self) -> list[tuple[str, str, str | None]]:
        answer = await self.app.client.get(f"{self.path}history/", headers=self.owner)
        return [(each["to"], each["actor"]["kind"], each["reason"]) for each in answer.json()]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with running_app("", MemoryStorageProvider(), STATUS_POLICY="staff") as app:
        [(name, scopes)] = COMMAND
        create = await app.container.get(CreateClient)
        created = await create(name, frozenset(map(Scope, scopes.split(" --scope ")[1:])))
        await app.client.post("/register/", json=ACCOUNT)
        form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
        token = (await app.client.post("/token/", data=form)).json()["access_token"]
        owner = {"Authorization": f"Bearer {token}"}
        order = (await app.client.post("/orders/", json=ORDER, headers=owner)).json()
        yield Shop(app, owner, order, created)


PLACED: Final = ("PENDING", "user", None)
PAID: Final = ("PAID", "service", "payment pay-7")
CANCELED: Final = ("CANCELED", "user", None)


async def test_a_callback_sets_the_order_to_paid(shop: Shop) -> None:
    assert await shop.call_back() == 204
    assert await shop.history() == [PLACED, PAID]


async def test_a_repeated_callback_is_harmless(shop: Shop) -> None:
    assert [await shop.call_back() for _ in range(3)] == [204] * 3
    assert await asyncio.gather(*(shop.call_back() for _ in range(8))) == [204] * 8
    assert await shop.history() == [PLACED, PAID]


async def test_concurrent_callbacks_pay_once(shop: Shop) -> None:
    assert await asyncio.gather(*(shop.call_back() for _ in range(8))) == [204] * 8
    assert await shop.history() == [PLACED, PAID]


@pytest.mark.parametrize("signature", ["", "0" * 64, "\N{SNOWMAN}"])
async def test_a_forged_callback_changes_nothing(shop: Shop, signature: str) -> None:
    assert await shop.call_back(signature) == 401
    assert await shop.history() == [PLACED]


@pytest.mark.parametrize("changes", [{"amount": 19.89}, {"amount": 2}, {"currency": "EUR"}])
async def test_a_wrong_amount_changes_nothing(shop: Shop, changes: dict[str, Any]) -> None:
    assert await shop.call_back(**changes) == 422
    assert await shop.history() == [PLACED]


async def test_an_unknown_order_is_reported(shop: Shop) -> None:
    assert await shop.call_back(order_id=str(uuid4())) == 404


async def test_a_canceled_order_is_refunded(shop: Shop) -> None:
    await shop.app.client.patch(shop.path, json={"status": "CANCELED"}, headers=shop.owner)
    assert await shop.call_back() == 204
    assert shop.refunded == ["pay-7"]
    assert await shop.history() == [PLACED, CANCELED]


async def test_an_order_that_is_canceled_in_between_is_refunded(shop: Shop) -> None:
    client, canceled = shop.app.client, list[str]()

    async def cancel_first(request: httpx.Request) -> None:
        if request.method == "PATCH" and not canceled:
            canceled.append(request.headers["If-Match"])
            await client.patch(shop.path, json={"status": "CANCELED"}, headers=shop.owner)

    client.event_hooks = {"request": [cancel_first]}
    assert await shop.call_back() == 204
    assert canceled == ['"v1"']
    assert shop.refunded == ["pay-7"]
    assert await shop.history() == [PLACED, CANCELED]


async def test_an_expired_token_is_replaced(shop: Shop) -> None:
    shop.handle._token = "expired"
    assert await shop.call_back() == 204


async def test_a_callback_waits_for_a_new_client_after_a_revocation(shop: Shop) -> None:
    await (await shop.app.container.get(RevokeClient))("payments")
    assert await shop.call_back() == 503
    assert await shop.history() == [PLACED]


async def test_a_lost_response_is_repeated(shop: Shop) -> None:
    client = shop.app.client

    async def lose(response: httpx.Response) -> None:
        if response.request.method == "PATCH":
            raise httpx.ReadTimeout("the response was lost")

    client.event_hooks = {"response": [lose]}
    assert await shop.call_back() == 503
    client.event_hooks = {}
    assert await shop.call_back() == 204
    assert await shop.history() == [PLACED, PAID]
