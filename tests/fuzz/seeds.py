"""The fuzzer's starting points: valid requests for every route, from every role."""

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from tests.e2e.service import Service, User, an_email
from tests.fuzz.actors import PASSWORD, Actor, Actors, tokens_for
from tests.fuzz.operations import Document, operations_of
from tests.fuzz.wire import Header, Request
from tests.support.jws import parts_of

#: One in this many requests hashes a password. Kept rare because it takes as long as a hundred
#: other requests.
_HASHING: Final = 60
#: The share of one in `_HASHING` requests that change or close the account of their own client.
_OWN_ACCOUNTS: Final = 0.2
#: How many sessions are there for requests to end.
_SESSIONS: Final = 10
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
    """Make valid requests from every role about an owner who has an order in every status."""

    def __init__(self, service: Service, actors: Actors, document: Document) -> None:
        self._actors = actors
        owner = User(service, actors.owner.id, actors.owner.email, actors.owner.token)
        other = User(service, actors.other.id, actors.other.email, actors.other.token)
        orders = [owner.order() for _ in range(4)]
        for number, status in ((1, "PAID"), (2, "CANCELED"), (3, "PAID"), (3, "SHIPPED")):
            owner.patch(orders[number], status)
        self._orders = [str(order["id"]) for order in (*orders, other.order())]
        link = owner.get("/orders/?limit=1").headers["link"]
        self._next = link[1:].partition(">")[0]
        operations = operations_of(document)
        self._cheap = [each for each in operations if not each.takes_password]
        self._costly = [each for each in operations if each.takes_password]
        self._refresh_tokens = [
            str(tokens_for(service, actors.other.form)["refresh_token"]) for _ in range(_SESSIONS)
        ]
        current = parts_of(other.token)[1]["fam"]
        sessions = [each["id"] for each in other.get("/me/sessions/").json()]
        self._known: Mapping[str, list[str]] = {
            "order_id": self._orders,
            "user_id": [actors.owner.id, actors.other.id],
            "session_id": [session for session in sessions if session != current],
        }
        self._expendable = dict(self._known) | {"user_id": [actors.expendable.id]}

    def pick(self, chance: Random) -> Request:
        """Return a valid request. Half of the cheap ones are made from the document."""
        actor = chance.choice(self._actors.all)
        kind = chance.randrange(_HASHING)
        if kind == 0:
            make = chance.choice(
                (self._register, self._log_in, self._documented_costly, self._refresh, self._revoke)
            )
        elif kind == 1 and chance.random() < _OWN_ACCOUNTS:
            actor = chance.choice(self._actors.disposable)
            make = chance.choice((*[self._change_password] * 3, self._close_account))
        elif chance.random() < 0.5:
            make = self._documented
        else:
            make = chance.choice(
                (self._create, self._create, self._patch, self._patch, self._read, self._list)
            )
        request = make(chance, actor)
        return replace(request, headers=(*actor.bearer, *request.headers), role=actor.role)

    def _documented(self, chance: Random, _: Actor) -> Request:
        operation = chance.choice(self._cheap)
        known = self._expendable if operation.method == "delete" else self._known
        return operation.request(chance, known)

    def _documented_costly(self, chance: Random, _: Actor) -> Request:
        return chance.choice(self._costly).request(chance, self._known)

    def _create(self, chance: Random, _: Actor) -> Request:
        return _json(b"POST", "/orders/", chance.choice(_ORDERS))

    def _patch(self, chance: Random, _: Actor) -> Request:
        body = {"status": chance.choice(("PAID", "SHIPPED")), "reason": "by card"}
        tags = ((), ((b"if-match", b'"v1", "v2p"'),), ((b"if-match", b"*"),))
        path = f"/orders/{chance.choice(self._orders)}/"
        return _json(b"PATCH", path, body, *chance.choice(tags))

    def _read(self, chance: Random, _: Actor) -> Request:
        order = chance.choice(self._orders)
        paths = (f"/orders/{order}/", f"/orders/{order}/history/", "/me/", "/health/ready/")
        path = chance.choice((*paths, "/health/", "/openapi.json", "/docs"))
        return Request(b"GET", path.encode(), ((b"if-none-match", b'"v1p"'),))

    def _list(self, chance: Random, _: Actor) -> Request:
        path = chance.choice(("/orders/", f"/orders/user/{self._actors.owner.id}/"))
        target = chance.choice((*(path + query for query in _QUERIES), self._next))
        return Request(b"GET", target.encode())

    def _register(self, _: Random, __: Actor) -> Request:
        return _json(b"POST", "/register/", {"email": an_email(), "password": PASSWORD})

    def _log_in(self, chance: Random, actor: Actor) -> Request:
        form = actor.form or self._actors.owner.form
        wrong = {"password": "wrong", "client_secret": "wrong"}
        return _form("/token/", chance.choice((form, {**form, **wrong})))

    def _change_password(self, _: Random, __: Actor) -> Request:
        body = {"current_password": PASSWORD, "new_password": PASSWORD}
        return _json(b"POST", "/me/password/", body)

    def _close_account(self, _: Random, __: Actor) -> Request:
        return _json(b"DELETE", "/me/", {"password": PASSWORD})

    def _refresh(self, chance: Random, _: Actor) -> Request:
        token = chance.choice(self._refresh_tokens)
        return _form("/token/", {"grant_type": "refresh_token", "refresh_token": token})

    def _revoke(self, chance: Random, _: Actor) -> Request:
        return _form("/token/revoke/", {"token": chance.choice(self._refresh_tokens)})


def _form(path: str, form: Mapping[str, str]) -> Request:
    headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
    return Request(b"POST", path.encode(), headers, urlencode(form).encode())


def _json(method: bytes, path: str, body: Any, *more: Header) -> Request:
    headers = ((b"content-type", b"application/json"), *more)
    return Request(method, path.encode(), headers, json.dumps(body).encode())
