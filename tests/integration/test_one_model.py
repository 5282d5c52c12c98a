"""Compare a model of the whole service with the service itself, in memory and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)

from domain.order.status import TRANSITIONS, OrderStatus
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.servers.databases import create_database, drop_database
from tests.servers.plugin import Shared
from tests.support.app import Caller, calling
from tests.support.postgres import beside

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@dataclass(eq=False)
class UserModel:
    """A user and the user's orders, oldest first."""

    id: str
    headers: dict[str, str]
    orders: list["OrderModel"] = field(default_factory=list)


@dataclass(eq=False)
class OrderModel:
    """An order's expected state."""

    owner: UserModel
    shown: dict[str, Any]
    steps: list[tuple[str | None, str, str | None]]

    @property
    def path(self) -> str:
        return f"/orders/{self.shown['id']}/"

    @property
    def status(self) -> OrderStatus:
        return OrderStatus(self.shown["status"])

    @property
    def etag(self) -> str:
        return f'"v{self.shown["version"]}{"p" if self.shown["processed_at"] else ""}"'


class Model(RuleBasedStateMachine):
    """Users, orders, statuses, preconditions and lists as described in `docs/contract.md`."""

    call: ClassVar[Caller]

    users = Bundle("users")
    orders = Bundle("orders")

    @rule(target=users)
    def register(self) -> UserModel:
        email = f"{uuid4()}@example.com"
        account = {"email": email, "password": "correct horse"}
        answer = self.call("POST", "/register/", json=account)
        assert answer.status_code == 201
        assert self.call("POST", "/register/", json=account).status_code == 409
        form = {"username": email.upper(), "password": "correct horse"}
        token = self.call("POST", "/token/", data=form).json()["access_token"]
        return UserModel(answer.json()["id"], {"Authorization": f"Bearer {token}"})

    @rule(
        target=orders,
        owner=users,
        quantities=st.lists(st.integers(1, 9), min_size=1, max_size=3),
        reference=st.none() | st.sampled_from(["web-1", "web-2"]),
    )
    def place(self, owner: UserModel, quantities: list[int], reference: str | None) -> Any:
        items = [{"name": "Tea", "quantity": number, "price": 1.25} for number in quantities]
        body = {"items": items, "total_price": 1.25 * sum(quantities), "reference": reference}
        answer = self.call("POST", "/orders/", json=body, headers=owner.headers)
        if reference and any(order.shown.get("reference") == reference for order in owner.orders):
            assert (answer.status_code, answer.json()["code"]) == (409, "reference-taken")
            return multiple()
        shown = answer.json()
        assert answer.status_code == 201, shown
        assert (shown["user_id"], shown["status"], shown["version"]) == (owner.id, "PENDING", 1)
        assert (shown["items"], shown.get("reference")) == (items, reference)
        order = OrderModel(owner, shown, [(None, "PENDING", None)])
        owner.orders.append(order)
        assert (answer.headers["Location"], answer.headers["ETag"]) == (order.path, order.etag)
        return order

    @rule(order=orders, reader=users)
    def read(self, order: OrderModel, reader: UserModel) -> None:
        answer = self.call("GET", order.path, headers=reader.headers)
        if reader is not order.owner:
            assert (answer.status_code, answer.json()["code"]) == (404, "order-not-found")
            return
        assert (answer.status_code, answer.json()) == (200, order.shown)
        assert answer.headers["ETag"] == order.etag
        cached = reader.headers | {"If-None-Match": f'"v99", {order.etag}'}
        assert self.call("GET", order.path, headers=cached).status_code == 304

    @rule(
        order=orders,
        by=users,
        status=st.sampled_from(OrderStatus),
        reason=st.none() | st.just("because"),
        condition=st.sampled_from(["", "current", "weak", "stale", "any"]),
    )
    def change(
        self,
        order: OrderModel,
        by: UserModel,
        status: OrderStatus,
        reason: str | None,
        condition: str,
    ) -> None:
        conditions = {
            "current": order.etag,
            "weak": f"W/{order.etag}",
            "stale": f'"v{order.shown["version"] + 1}"',
            "any": "*",
        }
        headers = by.headers | ({"If-Match": conditions[condition]} if condition else {})
        body = {"status": status, "reason": reason}
        answer = self.call("PATCH", order.path, json=body, headers=headers)
        if by is not order.owner:
            assert answer.status_code == 404
        elif condition in {"weak", "stale"}:
            assert answer.status_code == 412
        elif status is order.status:
            assert (answer.status_code, answer.json()) == (200, order.shown)
        elif status not in TRANSITIONS[order.status]:
            assert (answer.status_code, answer.json()["current_status"]) == (409, order.status)
        else:
            assert answer.status_code == 200
            self._moved(order, status, reason, answer.json())

    def _moved(
        self, order: OrderModel, status: OrderStatus, reason: str | None, shown: dict[str, Any]
    ) -> None:
        order.steps.append((order.status, status, reason))
        expected = order.shown | {
            "status": status,
            "next_statuses": list(status.next),
            "version": order.shown["version"] + 1,
            "updated_at": shown["updated_at"],
        }
        assert shown == expected
        order.shown = shown

    @rule(order=orders)
    def process(self, order: OrderModel) -> None:
        self.call.process(order.shown["id"])
        shown = self.call("GET", order.path, headers=order.owner.headers).json()
        assert shown["processed_at"]
        if not order.shown["processed_at"]:
            moments = ("processed_at", "updated_at")
            order.shown |= {moment: shown[moment] for moment in moments}
        assert shown == order.shown

    @rule(order=orders)
    def read_history(self, order: OrderModel) -> None:
        answer = self.call("GET", f"{order.path}history/", headers=order.owner.headers)
        steps = [(step["from"], step["to"], step["reason"]) for step in answer.json()]
        assert steps == order.steps
        assert [step["version"] for step in answer.json()] == list(range(1, len(steps) + 1))

    @rule(
        owner=users,
        statuses=st.sets(st.sampled_from(OrderStatus)),
        reference=st.none() | st.just("web-1"),
        limit=st.integers(1, 3),
    )
    def list_orders(
        self, owner: UserModel, statuses: set[OrderStatus], reference: str | None, limit: int
    ) -> None:
        wanted: dict[str, Any] = {"limit": limit, "status": sorted(statuses)}
        wanted |= {"reference": reference} if reference else {}
        expected = [
            order.shown
            for order in reversed(owner.orders)
            if (not statuses or order.status in statuses)
            and (not reference or order.shown.get("reference") == reference)
        ]
        for path in ("/orders/", f"/orders/user/{owner.id}/"):
            assert list(self._pages(path, wanted, owner, limit)) == expected

    def _pages(
        self, path: str, wanted: dict[str, Any], owner: UserModel, limit: int
    ) -> Iterator[dict[str, Any]]:
        answer = self.call("GET", path, params=wanted, headers=owner.headers)
        while True:
            assert answer.status_code == 200
            assert len(answer.json()) <= limit
            yield from answer.json()
            if "Link" not in answer.headers:
                return
            link = answer.headers["Link"].partition(">")[0].removeprefix("<")
            answer = self.call("GET", link, headers=owner.headers)

    @rule(owner=users, reader=users)
    def list_other_user(self, owner: UserModel, reader: UserModel) -> None:
        answer = self.call("GET", f"/orders/user/{owner.id}/", headers=reader.headers)
        assert answer.status_code == (200 if owner is reader else 403)


def _drive(service: AbstractContextManager[Caller]) -> None:
    with service as Model.call:
        run_state_machine_as_test(
            Model,
            settings=settings(
                max_examples=25,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_the_service_in_memory_matches_the_model() -> None:
    _drive(calling("", MemoryStorageProvider()))


def test_the_service_on_postgresql_matches_the_model(
    postgres_server: Shared, migrated: str
) -> None:
    url = beside(create_database, postgres_server.url, migrated)
    try:
        _drive(calling(url))
    finally:
        beside(drop_database, postgres_server.url, url)
