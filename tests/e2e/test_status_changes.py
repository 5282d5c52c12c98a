"""Section 5 of the contract: the lifecycle, conditional requests and concurrent writers."""

from functools import partial
from itertools import pairwise, product
from typing import Any

import pytest

from domain.order.status import OrderStatus
from tests.e2e.assertions import assert_problem, concurrently
from tests.e2e.service import Service, User, eventually
from tests.support.orders import way_to

NEXT = {str(status): {str(after) for after in status.next} for status in OrderStatus}


def an_order_in(status: str, user: User) -> dict[str, Any]:
    order = user.order()
    for step in way_to(OrderStatus(status)):
        order = user.patch(order, step).json()
    return order


@pytest.fixture(scope="module")
def owner(staffed_service: Service) -> User:
    """A user. The service has `STATUS_POLICY=staff`."""
    return staffed_service.register()


@pytest.fixture(scope="module")
def clerk(staffed_service: Service) -> User:
    """A staff user. The service has `STATUS_POLICY=staff`."""
    return staffed_service.register_staff()


# --- the lifecycle


@pytest.mark.parametrize(("current", "wanted"), list(product(NEXT, NEXT)))
def test_only_transitions_of_the_lifecycle_are_legal(ada: User, current: str, wanted: str) -> None:
    order = an_order_in(current, ada)
    assert set(order["next_statuses"]) == NEXT[current]
    answer = ada.patch(order, wanted)
    if wanted in {current, *NEXT[current]}:
        assert answer.status_code == 200
        assert answer.json()["status"] == wanted
        assert set(answer.json()["next_statuses"]) == NEXT[wanted]
    else:
        problem = assert_problem(answer, 409, "illegal-transition")
        assert problem["current_status"] == current
        assert set(problem["next_statuses"]) == NEXT[current]


def test_a_status_change_raises_version_and_etag(owner: User, clerk: User) -> None:
    answer = clerk.patch(owner.order(), "PAID")
    paid = answer.json()
    assert (paid["version"], answer.headers["etag"]) == (2, '"v2"')
    assert paid["updated_at"] > paid["created_at"]
    read = owner.get(f"/orders/{paid['id']}/")
    assert (read.json()["status"], read.headers["x-cache"]) == ("PAID", "HIT")


def test_the_current_status_changes_nothing(ada: User) -> None:
    order = an_order_in("PAID", ada)
    before = ada.history(order)
    again = ada.patch(order, "PAID", if_match='"v2"', reason="once more")
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert again.headers["etag"].startswith('"v2')
    assert ada.history(order) == before
    assert_problem(ada.patch(order, "PAID", if_match='"v1"'), 412, "version-conflict")


def test_the_current_status_changes_nothing_of_a_processed_order(
    ada: User,
) -> None:
    order = ada.processed_order()
    answer = ada.patch(order, "PENDING")
    assert (answer.status_code, answer.json()) == (200, order)
    assert answer.headers["etag"] == '"v1p"'


def test_an_order_canceled_before_its_processing_stays_canceled(
    ada: User,
) -> None:
    order = ada.order()
    ada.patch(order, "CANCELED")
    path = f"/orders/{order['id']}/"
    eventually(lambda: ada.get(path).json()["processed_at"])
    shown = ada.get(path).json()
    assert (shown["status"], shown["version"], shown["next_statuses"]) == ("CANCELED", 2, [])
    assert ada.get(path).headers["etag"] == '"v2p"'


# --- If-Match

CURRENT = [
    '"v1"',
    '"v1p"',
    "*",
    ',"v1"',
    '"v9", ,"v1",',
    '"v9", "v1"',
    '"v1","v9"',
    'W/"v9", "v1"',
    '"x",\t"v1p"',
]
STALE = ['"v2"', '"v9p"', 'W/"v1"', 'W/"v1p"', '"x"', '"v01"', '"V1"', '""']


@pytest.mark.parametrize("tag", CURRENT)
def test_a_current_if_match_allows_the_change(ada: User, tag: str) -> None:
    answer = ada.patch(ada.order(), "PAID", if_match=tag)
    assert answer.status_code == 200


@pytest.mark.parametrize("tag", CURRENT)
def test_if_match_compares_the_version_only(ada: User, tag: str) -> None:
    answer = ada.patch(ada.processed_order(), "PAID", if_match=tag)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"v2p"')


@pytest.mark.parametrize("tag", STALE)
def test_a_stale_or_weak_if_match_is_412_and_changes_nothing(ada: User, tag: str) -> None:
    order = ada.order()
    assert_problem(ada.patch(order, "PAID", if_match=tag), 412, "version-conflict")
    assert ada.get(f"/orders/{order['id']}/").json()["status"] == "PENDING"


@pytest.mark.parametrize("tag", ["v1", '"v1', 'w/"v1"', '"v1" "v1"', '*, "v1"', '"a b"', "'v1'"])
def test_a_malformed_if_match_is_422_and_named(ada: User, tag: str) -> None:
    answer = ada.patch(ada.order(), "PAID", if_match=tag)
    problem = assert_problem(answer, 422, "invalid-request")
    assert [error["header"] for error in problem["errors"]] == ["If-Match"]


def test_two_if_match_headers_are_one_list(ada: User) -> None:
    order = ada.order()
    bearer = ("Authorization", f"Bearer {ada.token}")
    answer = ada.service.http.patch(
        f"/orders/{order['id']}/",
        json={"status": "PAID"},
        headers=[bearer, ("If-Match", '"v7"'), ("If-Match", '"v1"')],
    )
    assert answer.status_code == 200


# --- concurrent writers


def test_one_of_twenty_conditional_writers_succeeds(ada: User) -> None:
    order = ada.order()
    answers = concurrently([lambda: ada.patch(order, "PAID", if_match='"v1"')] * 20)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [412] * 19
    assert len(ada.history(order)) == 2


def test_two_concurrent_writers_are_serialized(ada: User) -> None:
    for _ in range(5):
        order = ada.order()
        paid, canceled = concurrently(
            [lambda: ada.patch(order, "PAID"), lambda: ada.patch(order, "CANCELED")]  # noqa: B023 - awaited in the loop
        )
        assert canceled.status_code == 200
        assert paid.status_code in {200, 409}
        steps = [step["to"] for step in ada.history(order)]
        assert steps == ["PENDING", *["PAID"] * (paid.status_code == 200), "CANCELED"]


def test_unconditional_writers_lose_no_update(ada: User) -> None:
    order = ada.order()
    wanted = ["PAID", "SHIPPED", "CANCELED", "PENDING"] * 5
    answers = concurrently([partial(ada.patch, order, status) for status in wanted])
    assert {answer.status_code for answer in answers} <= {200, 409}
    steps = ada.history(order)
    for before, after in pairwise(steps):
        assert after["version"] == before["version"] + 1
        assert after["from"] == before["to"]
        assert after["to"] in NEXT[after["from"]]
    shown = ada.get(f"/orders/{order['id']}/").json()
    assert (shown["status"], shown["version"]) == (steps[-1]["to"], len(steps))
    seen = {
        (answer.json()["version"], answer.json()["status"])
        for answer in answers
        if answer.is_success
    }
    assert seen <= {(step["version"], step["to"]) for step in steps}


# --- STATUS_POLICY


def test_policy_owner_allows_the_owner_and_staff_every_step(ada: User, staff: User) -> None:
    assert an_order_in("SHIPPED", ada)["status"] == "SHIPPED"
    assert staff.patch(ada.order(), "PAID").status_code == 200


def test_policy_staff_allows_the_owner_to_cancel_only(owner: User) -> None:
    order = owner.order()
    assert_problem(owner.patch(order, "PAID"), 403, "status-policy")
    assert owner.patch(order, "PENDING").status_code == 200
    assert owner.patch(order, "CANCELED").status_code == 200


def test_policy_staff_allows_staff_every_step(owner: User, clerk: User) -> None:
    order = owner.order()
    assert clerk.patch(order, "PAID").status_code == 200
    assert_problem(owner.patch(order, "SHIPPED"), 403, "status-policy")
    assert clerk.patch(order, "SHIPPED").status_code == 200
    actors = [step["actor"]["kind"] for step in owner.history(order)]
    assert actors == ["user", "staff", "staff"]


def test_policy_staff_is_checked_after_if_match_and_before_the_transition(owner: User) -> None:
    order = owner.order()
    assert_problem(owner.patch(order, "PAID", if_match='"v9"'), 412, "version-conflict")
    assert_problem(owner.patch(order, "SHIPPED"), 403, "status-policy")


def test_policy_staff_hides_orders_of_other_users(staffed_service: Service, owner: User) -> None:
    order = owner.order()
    assert_problem(staffed_service.register().patch(order, "PAID"), 404, "order-not-found")
