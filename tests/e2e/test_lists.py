"""Section 5 of the contract: lists, filters and pages."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.e2e.assertions import assert_problem, field_errors
from tests.e2e.service import User, eventually


@pytest.fixture(scope="module")
def shopper(ada: User) -> User:
    """A user with exactly five orders: PENDING, PAID, PAID, SHIPPED, CANCELED."""
    user = ada.service.register()
    for number, steps in enumerate([[], ["PAID"], ["PAID"], ["PAID", "SHIPPED"], ["CANCELED"]]):
        order = user.order(reference=f"order {number}")
        for status in steps:
            user.patch(order, status)
    return user


@pytest.fixture(scope="module")
def orders(shopper: User) -> list[dict[str, Any]]:
    """The shopper's processed orders, oldest first."""
    eventually(lambda: all(each["processed_at"] for each in shopper.get("/orders/").json()))
    listed: list[dict[str, Any]] = shopper.get("/orders/").json()
    return [shopper.get(f"/orders/{each['id']}/").json() for each in reversed(listed)]


def references(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(order["reference"].removeprefix("order ")) for order in answer.json()]


@pytest.fixture(params=["/orders/", "/orders/user/{}/"])
def path(request: pytest.FixtureRequest, shopper: User) -> str:
    """Both paths for listing your own orders."""
    path: str = request.param.format(shopper.id)
    return path


# --- filters


def test_a_list_has_the_newest_orders_first(
    shopper: User, orders: list[dict[str, Any]], path: str
) -> None:
    answer = shopper.get(path)
    assert answer.json() == list(reversed(orders))
    assert "link" not in answer.headers


def test_a_user_without_orders_has_an_empty_list(newcomer: User) -> None:
    for path in ("/orders/", f"/orders/user/{newcomer.id}/"):
        assert newcomer.get(path).json() == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("limit=2", [4, 3]),
        ("limit=200", [4, 3, 2, 1, 0]),
        ("status=PAID", [2, 1]),
        ("status=PAID&status=CANCELED", [4, 2, 1]),
        ("status=PAID&status=PAID", [2, 1]),
        ("status=PAID&limit=1", [2]),
        ("reference=order+3", [3]),
        ("reference=order%203&status=SHIPPED", [3]),
        ("reference=order+3&status=PAID", []),
        ("reference=unknown%27s", []),
        ("reference=%25", []),
        ("", [4, 3, 2, 1, 0]),
        ("&&", [4, 3, 2, 1, 0]),
    ],
)
def test_parameters_filter_a_list(shopper: User, path: str, query: str, found: list[int]) -> None:
    assert references(shopper.get(f"{path}?{query}")) == found


def test_created_after_is_inclusive_and_created_before_is_exclusive(
    shopper: User, orders: list[dict[str, Any]], path: str
) -> None:
    first, last = orders[1]["created_at"], orders[3]["created_at"]
    assert references(shopper.get(path, params={"created_after": first})) == [4, 3, 2, 1]
    assert references(shopper.get(path, params={"created_before": last})) == [2, 1, 0]
    both = {"created_after": first, "created_before": last}
    assert references(shopper.get(path, params=both)) == [2, 1]
    assert (
        references(shopper.get(path, params={"created_after": last, "created_before": last})) == []
    )


@pytest.mark.parametrize("offset", ["+00:00", "%2B00:00", "-00:00", "Z", "z"])
def test_a_timestamp_may_have_any_offset_even_unescaped(
    shopper: User, orders: list[dict[str, Any]], path: str, offset: str
) -> None:
    moment = orders[3]["created_at"].removesuffix("Z") + offset
    assert references(shopper.get(f"{path}?created_after={moment}")) == [4, 3]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("limit=0", ("limit", "out-of-range")),
        ("limit=201", ("limit", "out-of-range")),
        ("limit=-1", ("limit", "out-of-range")),
        ("limit=1.0", ("limit", "out-of-range")),
        ("limit=", ("limit", "out-of-range")),
        ("limit=x", ("limit", "out-of-range")),
        ("limit=%D9%A1", ("limit", "out-of-range")),
        ("limit=" + "9" * 5000, ("limit", "out-of-range")),
        ("status=paid", ("status", "unknown-status")),
        ("status=", ("status", "unknown-status")),
        ("status=PAID&status=LOST", ("status", "unknown-status")),
        ("reference=", ("reference", "wrong-length")),
        ("reference=" + "x" * 65, ("reference", "wrong-length")),
        ("reference=%00", ("reference", "nul-character")),
        ("created_after=yesterday", ("created_after", "invalid-timestamp")),
        ("created_after=2026-01-01", ("created_after", "invalid-timestamp")),
        ("created_after=2026-01-01T00:00:00", ("created_after", "invalid-timestamp")),
        ("created_after=2026-02-30T00:00:00Z", ("created_after", "invalid-timestamp")),
        ("created_after=", ("created_after", "invalid-timestamp")),
        ("created_before=2026-01-31T12:00:60Z", ("created_before", "invalid-timestamp")),
        ("stauts=PAID", ("stauts", "unknown-parameter")),
        ("status[]=PAID", ("status[]", "unknown-parameter")),
        ("page=2", ("page", "unknown-parameter")),
        ("=", ("", "unknown-parameter")),
        ("nonsense", ("nonsense", "unknown-parameter")),
        ("nonsense=1&nonsense=2", ("nonsense", "unknown-parameter")),
        ("limit=1&limit=1", ("limit", "repeated-parameter")),
        ("reference=a&reference=b", ("reference", "repeated-parameter")),
        ("reference=%ff", ("reference", "invalid-encoding")),
        ("%ff=a", ("\ufffd", "unknown-parameter")),
        ("cursor=a&cursor=b", ("cursor", "repeated-parameter")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_parameter_is_named(
    shopper: User, path: str, query: str, fault: tuple[str, str]
) -> None:
    answer = shopper.get(f"{path}?{query}")
    problem = assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {fault}
    assert "parameter" in problem["errors"][0]


def test_every_invalid_parameter_is_named(shopper: User, path: str) -> None:
    query = "limit=0&status=LOST&reference=&created_after=x&created_before=y&cursor=z&page=2"
    answer = shopper.get(f"{path}?{query}")
    names = {"limit", "status", "reference", "created_after", "created_before", "cursor", "page"}
    assert {path for path, _ in field_errors(answer)} == names


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("created_after=0001-01-01T00:00:00.0000000Z", 5),
        ("created_after=0001-01-01T00:00:00%2B23:59", 5),
        ("created_before=0001-01-01T00:00:00%2B23:59", 0),
        ("created_before=9999-12-31T23:59:59.9999999Z", 5),
        ("created_before=9999-12-31T23:59:59-23:59", 5),
        ("created_after=9999-12-31T23:59:59.9999999%2B00:00", 0),
        ("created_after=2016-12-31T23:59:60Z", 5),
    ],
)
def test_extreme_timestamps_and_leap_seconds_are_valid(
    shopper: User, path: str, query: str, found: int
) -> None:
    assert len(references(shopper.get(f"{path}?{query}"))) == found


def test_digits_beyond_microseconds_are_compared(
    shopper: User, orders: list[dict[str, Any]], path: str
) -> None:
    later = orders[3]["created_at"].removesuffix("Z").ljust(26, "0") + "1Z"
    assert references(shopper.get(path, params={"created_after": later})) == [4]
    assert references(shopper.get(path, params={"created_before": later})) == [3, 2, 1, 0]


def test_the_list_of_a_user_rejects_user_id(shopper: User) -> None:
    answer = shopper.get(f"/orders/user/{shopper.id}/?user_id={shopper.id}")
    assert field_errors(answer) == {("user_id", "unknown-parameter")}


def test_the_detail_suggests_the_nearest_parameter(shopper: User, path: str) -> None:
    detail = shopper.get(f"{path}?stauts=PAID").json()["detail"]
    assert detail == "`stauts`: there is no such parameter; did you mean `status`?"


# --- visibility


def test_the_list_of_another_or_unknown_user_is_403(shopper: User, bob: User) -> None:
    for owner in (shopper.id, str(uuid4()), "nonsense"):
        assert_problem(bob.get(f"/orders/user/{owner}/"), 403, "not-your-orders")
    assert_problem(bob.get(f"/orders/?user_id={shopper.id}"), 403, "not-your-orders")


def test_the_users_own_id_is_accepted_as_user_id(shopper: User) -> None:
    assert len(shopper.get(f"/orders/?user_id={shopper.id}").json()) == 5


@pytest.mark.parametrize("bad", ["nonsense", "", "%00"])
def test_an_invalid_user_id_is_422(shopper: User, staff: User, bad: str) -> None:
    for user in (shopper, staff):
        answer = user.get(f"/orders/?user_id={bad}")
        assert field_errors(answer) == {("user_id", "not-a-uuid")}


def test_staff_can_list_all_orders_and_those_of_a_user(
    shopper: User, bob: User, staff: User, orders: list[dict[str, Any]]
) -> None:
    bobs = bob.order()
    newest = staff.get("/orders/?limit=200").json()
    assert bobs["id"] in {order["id"] for order in newest}
    assert len({order["user_id"] for order in newest}) > 1
    for path in (f"/orders/?user_id={shopper.id}", f"/orders/user/{shopper.id}/"):
        assert staff.get(path).json() == list(reversed(orders))


def test_staff_gets_an_empty_list_for_an_unknown_user(staff: User) -> None:
    for unknown in (uuid4(), "nonsense"):
        answer = staff.get(f"/orders/user/{unknown}/")
        assert (answer.status_code, answer.json()) == (200, [])


def test_a_users_list_has_no_orders_of_others(shopper: User, bob: User) -> None:
    bob.order()
    assert {order["user_id"] for order in shopper.get("/orders/").json()} == {shopper.id}


# --- pages


def pages(user: User, path: str) -> Iterator[list[dict[str, Any]]]:
    """Follow the links and yield each page."""
    following: str | None = path
    while following:
        answer = user.get(following)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        link = answer.headers.get("link")
        following = link and next_of(link)


def next_of(link: str) -> str:
    match = re.fullmatch(r'<(/[^/>][^>]*)>; rel="next"', link)
    assert match, link
    return match[1]


def test_the_next_link_is_relative_and_keeps_parameters(shopper: User, path: str) -> None:
    first = shopper.get(f"{path}?limit=1&status=PAID&status=PENDING&reference=order+2")
    assert "link" not in first.headers
    first = shopper.get(f"{path}?limit=1&status=PAID&status=PENDING")
    following = next_of(first.headers["link"])
    assert following.startswith(f"{path}?")
    assert references(shopper.get(following)) == [1]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_pages_contain_every_order_once(shopper: User, path: str, limit: int) -> None:
    walked = list(pages(shopper, f"{path}?limit={limit}"))
    assert [order["reference"][-1] for page in walked for order in page] == list("43210")
    assert all(len(page) == limit for page in walked[:-1])
    assert walked[-1]


def test_the_default_page_has_50_orders(newcomer: User) -> None:
    for _ in range(51):
        newcomer.order()
    assert [len(page) for page in pages(newcomer, "/orders/")] == [50, 1]


@contextmanager
def creating_orders(*users: User) -> Iterator[None]:
    """Keep creating orders in the background until the end of the block."""
    done = threading.Event()

    def create(user: User) -> None:
        while not done.is_set():
            user.order()

    threads = [threading.Thread(target=create, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("whose", ["/orders/user/{}/", "/orders/?user_id={}", "/orders/"])
def test_pages_neither_skip_nor_repeat_during_inserts(
    newcomer: User, bob: User, staff: User, whose: str
) -> None:
    existed = [newcomer.order()["id"] for _ in range(20)]
    path = whose.format(newcomer.id)
    separator = "&" if "?" in path else "?"
    reader = newcomer if path == "/orders/" else staff
    with creating_orders(newcomer, newcomer, bob):
        walked = [
            order["id"] for page in pages(reader, f"{path}{separator}limit=3") for order in page
        ]
    assert len(walked) == len(set(walked))
    assert [each for each in walked if each in existed] == list(reversed(existed))
    assert walked == sorted(walked, reverse=True)


def tampered(cursor: str) -> list[str]:
    middle = len(cursor) // 2
    return [
        cursor[:-1],
        cursor + "A",
        cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :],
        cursor.swapcase(),
        "",
        "x",
        str(uuid4()),
        "\0",
        "é",
        "A" * 5000,
    ]


@pytest.mark.parametrize("number", range(10))
def test_a_tampered_cursor_is_422(shopper: User, path: str, number: int) -> None:
    link = next_of(shopper.get(f"{path}?limit=1").headers["link"])
    cursor = tampered(link.partition("cursor=")[2])[number]
    answer = shopper.get(f"{path}?cursor={quote(cursor)}")
    assert {path for path, _ in field_errors(answer)} == {"cursor"}


def test_another_users_cursor_reveals_no_orders(shopper: User, bob: User) -> None:
    bob.order()
    link = next_of(shopper.get("/orders/?limit=1").headers["link"])
    shown = bob.get(link)
    assert shown.status_code in {200, 422}
    if shown.status_code == 200:
        assert {order["user_id"] for order in shown.json()} <= {bob.id}
