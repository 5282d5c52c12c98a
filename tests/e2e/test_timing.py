"""The time of a response does not reveal whether an order or an account exists.

Both kinds of requests alternate in the same run, so a slow or busy machine slows them down alike.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Self

import pytest

from tests.e2e.backing_services import settings_with
from tests.e2e.service import Service, User, an_email, running_service
from tests.fuzz.wire import Answer, Connection, Request

#: The allowed ratio of the two medians. One storage call more or less changes it by more than this.
MAX_RATIO = 1.4
#: A suspicious result is only believed if it is repeated with twice as many requests each time.
ATTEMPTS = 5
PAIRS = 50

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
UNKNOWN_ORDER = "01890a5d-ac96-774b-bcce-b302099a8057"
Send = Callable[[], Answer | None]


@pytest.fixture(scope="module", params=["in process", "redis"])
def timed_service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service for each kind of cache."""
    names = ["REDIS_URL"] if request.param == "redis" else []
    with running_service(**settings_with(request, names), PROCESSING_DELAY="0") as service:
        yield service


@pytest.fixture(scope="module")
def owner(timed_service: Service) -> User:
    return timed_service.register()


@pytest.fixture(scope="module")
def stranger(timed_service: Service) -> User:
    return timed_service.register()


def seconds(send: Send, status: int) -> float:
    started = time.perf_counter()
    answer = send()
    taken = time.perf_counter() - started
    assert answer is not None
    assert answer.status == status, answer.body
    return taken


def ratio_of_medians(first: Send, second: Send, status: int, pairs: int) -> float:
    times: list[tuple[float, float]] = []
    for pair in range(pairs):
        if pair % 2:
            times.append((seconds(first, status), seconds(second, status)))
        else:
            slow, fast = seconds(second, status), seconds(first, status)
            times.append((fast, slow))
    return median(pair[0] for pair in times) / median(pair[1] for pair in times)


def assert_same_time(first: Send, second: Send, status: int, pairs: int = PAIRS) -> None:
    seconds(first, status), seconds(second, status)  # not measured, because it fills caches
    ratios: list[float] = []
    for attempt in range(ATTEMPTS):
        ratios.append(ratio_of_medians(first, second, status, pairs * 2**attempt))
        if 1 / MAX_RATIO < ratios[-1] < MAX_RATIO:
            return
    pytest.fail(f"one kind of request takes longer than the other: {ratios}")


class Client:
    """A user's connection. Unlike httpx, it takes much less time than the service."""

    def __init__(self, user: User) -> None:
        self._bearer = (b"authorization", f"Bearer {user.token}".encode())
        self._connection = Connection(str(user.service.http.base_url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def sender(self, method: str, path: str, body: bytes = b"", kind: str = JSON) -> Send:
        """Return a function that sends this request."""
        headers = (self._bearer, (b"content-type", kind.encode()))
        request = Request(method.encode(), path.encode(), headers, body)
        return lambda: self._connection.send(request)


@pytest.fixture
def client(stranger: User) -> Iterator[Client]:
    with Client(stranger) as client:
        yield client


@pytest.mark.parametrize("path", ["/orders/{}/", "/orders/{}/history/"])
def test_a_foreign_order_takes_as_long_as_an_unknown_one(
    owner: User, client: Client, path: str
) -> None:
    order = owner.processed_order()["id"]
    assert owner.get(path.format(order)).status_code == 200  # it is in the cache
    foreign, unknown = (client.sender("GET", path.format(each)) for each in (order, UNKNOWN_ORDER))
    assert_same_time(foreign, unknown, 404)


def test_changing_a_foreign_order_takes_as_long_as_changing_an_unknown_one(
    owner: User, client: Client
) -> None:
    foreign, unknown = (
        client.sender("PATCH", f"/orders/{each}/", b'{"status":"PAID"}')
        for each in (owner.processed_order()["id"], UNKNOWN_ORDER)
    )
    assert_same_time(foreign, unknown, 404)


def test_the_list_of_another_user_takes_as_long_as_that_of_an_unknown_one(
    owner: User, client: Client
) -> None:
    foreign, unknown = (
        client.sender("GET", f"/orders/user/{each}/") for each in (owner.id, UNKNOWN_ORDER)
    )
    assert_same_time(foreign, unknown, 403)


def test_a_wrong_password_takes_as_long_as_an_unknown_account(ada: User) -> None:
    with Client(ada) as client:
        wrong, unknown = (
            client.sender("POST", "/token/", f"username={email}&password=wrong".encode(), FORM)
            for email in (ada.email, an_email())
        )
        assert_same_time(wrong, unknown, 401, pairs=10)
