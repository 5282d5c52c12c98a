"""The fuzzer's starting points: valid requests for every route."""

import json
from random import Random
from typing import Any, Final

from tests.e2e.service import PASSWORD, User, an_email
from tests.fuzz.wire import Request

#: One in this many requests hashes a password. Kept rare because it takes as long as a hundred
#: other requests.
_HASHING: Final = 60
_ORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"items": [{"name": "tea"}], "total_price": 4.5},
    {
        "items": [
            {
                "product_id": "tea-250",
                "name": "Green tea",
                "quantity": 2,
                "price": 4.5,
                "attributes": {"gift": True, "grams": 250, "note": "for Ada", "ratio": 0.25},
            },
            {"product_id": 7, "price": "1.00"},
        ],
        "total_price": 10,
        "currency": "EUR",
    },
    {"items": [{"name": "x", "price": None}] * 3, "total_price": "12", "currency": "JPY"},
)
_QUERIES: Final = (
    *("", "?limit=3", "?status=PAID&status=PENDING&limit=2", "?reference=mine"),
    "?created_after=2020-01-01T00:00:00Z&created_before=2100-01-01T00:00:00%2B02:00&limit=1",
)


class Seeds:
    """Make valid requests from a user who has an order in every status."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._bearer = (b"authorization", f"Bearer {user.token}".encode())
        self._orders = [user.order() for _ in range(4)]
        for number, status in ((1, "PAID"), (2, "CANCELED"), (3, "PAID"), (3, "SHIPPED")):
            user.patch(self._orders[number], status)
        link = user.get("/orders/?limit=1").headers["link"]
        self._next = link[1:].partition(">")[0]

    def pick(self, chance: Random) -> Request:
        """Return a valid request."""
        if chance.randrange(_HASHING) == 0:
            return chance.choice((self._register, self._log_in))()
        return chance.choice(
            (self._create, self._create, self._patch, self._patch, self._read, self._list)
        )(chance)

    def _create(self, chance: Random) -> Request:
        return self._json(b"POST", "/orders/", chance.choice(_ORDERS))

    def _patch(self, chance: Random) -> Request:
        order = chance.choice(self._orders)
        body = {"status": chance.choice(("PAID", "SHIPPED")), "reason": "by card"}
        tags = ((), ((b"if-match", b'"v1", "v2p"'),), ((b"if-match", b"*"),))
        return self._json(b"PATCH", f"/orders/{order['id']}/", body, *chance.choice(tags))

    def _read(self, chance: Random) -> Request:
        order = chance.choice(self._orders)["id"]
        paths = (f"/orders/{order}/", f"/orders/{order}/history/", "/me/", "/health/ready/")
        path = chance.choice((*paths, "/health/", "/openapi.json", "/docs"))
        headers = (self._bearer, (b"if-none-match", b'"v1p"'))
        return Request(b"GET", path.encode(), headers)

    def _list(self, chance: Random) -> Request:
        path = chance.choice(("/orders/", f"/orders/user/{self._user.id}/"))
        target = chance.choice((*(path + query for query in _QUERIES), self._next))
        return Request(b"GET", target.encode(), (self._bearer,))

    def _register(self) -> Request:
        return self._json(b"POST", "/register/", {"email": an_email(), "password": PASSWORD})

    def _log_in(self) -> Request:
        form = f"grant_type=password&username={self._user.email}&password=correct+horse"
        headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
        return Request(b"POST", b"/token/", headers, form.encode())

    def _json(self, method: bytes, path: str, body: Any, *more: tuple[bytes, bytes]) -> Request:
        headers = (self._bearer, (b"content-type", b"application/json"), *more)
        return Request(method, path.encode(), headers, json.dumps(body).encode())
