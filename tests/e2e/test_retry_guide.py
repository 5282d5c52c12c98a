"""The client in `docs/how-to/retry-safely.md`."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.e2e.service import TEA, User
from tests.support.readme import ROOT

PAGE: Final = (ROOT / "docs/how-to/retry-safely.md").read_text(encoding="utf-8")
[CODE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

#: Returns the response to an attempt, or raises an exception. The argument sends the request.
Fault = Callable[[Callable[[], httpx.Response]], httpx.Response]


class Faulty(httpx.BaseTransport):
    """Sends requests to a service, with one fault after the other, and then without any."""

    def __init__(self, faults: list[Fault]) -> None:
        self._transport = httpx.HTTPTransport()
        self._faults = faults

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        def send() -> httpx.Response:
            return self._transport.handle_request(request)

        return self._faults.pop(0)(send) if self._faults else send()

    def close(self) -> None:
        self._transport.close()


def lost_request(_: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("refused")


def lost_response(send: Callable[[], httpx.Response]) -> httpx.Response:
    answer = send()
    answer.read()
    assert answer.status_code == 201
    raise httpx.ReadError("reset")


def outage(_: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": "3"}, json={"code": "unavailable"})


def busy(_: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(
        409, headers={"Retry-After": "1"}, json={"code": "idempotency-in-progress"}
    )


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def place_order(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's function, with pauses that are only recorded."""
    monkeypatch.setattr("time.sleep", pauses.append)
    names: dict[str, Any] = {}
    exec(CODE, names)  # noqa: S102 - the page's own code
    return names["place_order"]


def client(user: User, faults: list[Fault]) -> httpx.Client:
    return httpx.Client(
        base_url=user.service.http.base_url,
        headers={"Authorization": f"Bearer {user.token}"},
        transport=Faulty(faults),
    )


def test_an_order_is_placed_once_in_spite_of_faults(
    ada: User, place_order: Any, pauses: list[float]
) -> None:
    reference = uuid4().hex
    faults = [lost_request, outage, lost_response, busy]
    with client(ada, faults) as api:
        order = place_order(api, {**TEA, "reference": reference}, uuid4().hex)
    assert faults == []
    assert ada.get(f"/orders/?reference={reference}").json() == [order]
    assert len(pauses) == 4
    assert pauses[1] >= 3
    assert pauses[3] >= 1


def test_a_refused_order_is_not_repeated(ada: User, place_order: Any, pauses: list[float]) -> None:
    reference = uuid4().hex
    ada.order(reference=reference)
    with client(ada, []) as api, pytest.raises(httpx.HTTPStatusError, match="409"):
        place_order(api, {**TEA, "reference": reference}, uuid4().hex)
    assert pauses == []


def test_the_last_failure_is_raised(ada: User, place_order: Any, pauses: list[float]) -> None:
    with client(ada, [lost_request] * 3) as api, pytest.raises(httpx.ConnectError):
        place_order(api, TEA, uuid4().hex, attempts=3)
    assert len(pauses) == 2
