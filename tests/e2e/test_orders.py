"""Section 5 of the contract: placing and reading orders, and their history."""

from uuid import UUID, uuid4

import pytest

from tests.e2e.assertions import assert_problem, concurrently
from tests.e2e.service import Service, User, eventually

MEMBERS = {
    "id",
    "user_id",
    "items",
    "total_price",
    "currency",
    "status",
    "next_statuses",
    "version",
    "created_at",
    "updated_at",
    "processed_at",
}
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"

# --- POST /orders/


def test_a_new_order_is_pending_at_version_1_with_a_location(ada: User) -> None:
    answer = ada.post_order(reference="mine")
    order = answer.json()
    assert answer.status_code == 201
    assert order.keys() == MEMBERS | {"reference"}
    assert (order["user_id"], order["reference"]) == (ada.id, "mine")
    assert (order["status"], order["version"], order["processed_at"]) == ("PENDING", 1, None)
    assert set(order["next_statuses"]) == {"PAID", "CANCELED"}
    assert order["created_at"] == order["updated_at"]
    assert answer.headers["location"] == f"/orders/{order['id']}/"
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["content-type"] == "application/json"


def test_an_order_without_a_reference_has_none(ada: User) -> None:
    assert ada.order().keys() == MEMBERS


def test_the_default_currency_is_a_setting(ada: User, staffed_service: Service) -> None:
    assert ada.order()["currency"] == "USD"
    assert staffed_service.register().order()["currency"] == "EUR"


def test_an_item_is_returned_unchanged(ada: User) -> None:
    item = {
        "product_id": "tea-250",
        "name": "Grüner Tee 🍵",
        "quantity": 2,
        "price": 4.5,
        "attributes": {"gift": True, "note": "für Ada", "grams": 250, "ratio": 0.1},
    }
    assert ada.order(items=[item], total_price=9)["items"] == [item]


def test_a_reference_is_unique_per_user(ada: User, bob: User) -> None:
    reference = uuid4().hex
    assert ada.post_order(reference=reference).status_code == 201
    assert_problem(ada.post_order(reference=reference), 409, "reference-taken")
    assert ada.post_order(reference=reference.upper()).status_code == 201
    assert bob.post_order(reference=reference).status_code == 201


def test_one_of_many_concurrent_orders_with_a_reference_is_placed(ada: User) -> None:
    reference = uuid4().hex
    answers = concurrently([lambda: ada.post_order(reference=reference)] * 12)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert len(ada.get("/orders/", params={"reference": reference}).json()) == 1


def test_a_rejected_order_does_not_affect_concurrent_ones(ada: User) -> None:
    reference = uuid4().hex
    taken = ada.order(reference=reference)
    placing = [lambda: ada.post_order(reference=reference), ada.post_order] * 8
    answers = concurrently(placing)
    assert [answer.status_code for answer in answers] == [409, 201] * 8
    assert ada.get(f"/orders/{taken['id']}/").status_code == 200


def test_concurrent_orders_are_all_stored(newcomer: User) -> None:
    answers = concurrently([newcomer.post_order] * 40)
    assert {answer.status_code for answer in answers} == {201}
    shown = newcomer.get("/orders/", params={"limit": 200}).json()
    assert {order["id"] for order in shown} == {answer.json()["id"] for answer in answers}
    assert len(shown) == 40


# --- GET /orders/{id}/


def test_the_first_read_of_a_new_order_is_a_cache_hit(staffed_service: Service) -> None:
    customer = staffed_service.register()
    created = customer.post_order()
    read = customer.get(created.headers["location"])
    assert (read.status_code, read.headers["x-cache"]) == (200, "HIT")
    assert read.content == created.content
    assert read.headers["etag"] == '"v1"'


def test_processing_changes_the_etag_and_not_the_version(ada: User) -> None:
    order = ada.processed_order()
    read = ada.get(f"/orders/{order['id']}/")
    assert read.headers["etag"] == '"v1p"'
    assert (order["status"], order["version"]) == ("PENDING", 1)
    assert order["updated_at"] == order["processed_at"] > order["created_at"]


@pytest.mark.parametrize("tag", ['"v1p"', '"v9", "v1p"', 'W/"v1p"', "*", '"x" ,"v1p"'])
def test_a_matching_if_none_match_is_304_without_a_body(ada: User, tag: str) -> None:
    path = f"/orders/{ada.processed_order()['id']}/"
    answer = ada.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"v1p"'


@pytest.mark.parametrize("tag", ['"v1"', '"v2"', '"v9", "v8"', "v1p", "nonsense", '"'])
def test_other_if_none_match_values_return_the_order(ada: User, tag: str) -> None:
    order = ada.processed_order()
    answer = ada.get(f"/orders/{order['id']}/", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json() == order


def test_the_etag_of_an_unprocessed_order_does_not_match_after_processing(ada: User) -> None:
    order = ada.order()
    path = f"/orders/{order['id']}/"
    tag = {"If-None-Match": '"v1"'}
    eventually(lambda: ada.get(path, headers=tag).status_code == 200)
    assert ada.get(path, headers=tag).json()["processed_at"]


@pytest.mark.parametrize(
    "unknown_id", [UNKNOWN_ID, str(UUID(int=0)), "nonsense", "1", "%00", "%FF", "..%2f", "x" * 5000]
)
@pytest.mark.parametrize("more", ["", "history/"])
def test_unknown_and_invalid_ids_are_404(ada: User, unknown_id: str, more: str) -> None:
    answer = ada.get(f"/orders/{unknown_id}/{more}")
    assert answer.status_code == 404


def test_another_users_order_is_404_like_an_unknown_one(ada: User, bob: User) -> None:
    order = ada.order()
    path = f"/orders/{order['id']}/"
    theirs = assert_problem(bob.get(path), 404, "order-not-found")
    unknown = assert_problem(bob.get(f"/orders/{uuid4()}/"), 404, "order-not-found")
    assert theirs | {"instance": ""} == unknown | {"instance": ""}
    assert_problem(bob.get(f"{path}history/"), 404, "order-not-found")
    assert_problem(bob.patch(order, "CANCELED"), 404, "order-not-found")
    assert_problem(bob.patch(order, "CANCELED", if_match='"v9"'), 404, "order-not-found")
    assert_problem(bob.patch(order, "SHIPPED"), 404, "order-not-found")
    assert bob.get(path, headers={"If-None-Match": "*"}).status_code == 404


def test_staff_can_read_all_orders(ada: User, staff: User) -> None:
    order = ada.processed_order()
    assert staff.get(f"/orders/{order['id']}/").json() == order
    assert staff.history(order) == ada.history(order)


def test_an_id_is_case_insensitive(ada: User) -> None:
    order = ada.order()
    assert ada.get(f"/orders/{order['id'].upper()}/").json()["id"] == order["id"]


# --- GET /orders/{id}/history/


def test_the_history_begins_with_the_creation(ada: User) -> None:
    order = ada.order()
    assert ada.history(order) == [
        {
            "version": 1,
            "from": None,
            "to": "PENDING",
            "actor": {"kind": "user", "id": ada.id},
            "reason": None,
            "at": order["created_at"],
        }
    ]


def test_the_history_has_every_step_with_actor_and_reason(ada: User, staff: User) -> None:
    order = ada.order()
    ada.patch(order, "PAID", reason="by card")
    shipped = staff.patch(order, "SHIPPED").json()
    steps = ada.history(order)
    assert [(step["version"], step["from"], step["to"]) for step in steps] == [
        (1, None, "PENDING"),
        (2, "PENDING", "PAID"),
        (3, "PAID", "SHIPPED"),
    ]
    assert [step["reason"] for step in steps] == [None, "by card", None]
    assert steps[1]["actor"] == {"kind": "user", "id": ada.id}
    assert steps[2]["actor"] == {"kind": "staff", "id": staff.id}
    assert steps[2]["at"] == shipped["updated_at"]
