"""The authorisation table: which caller gets which answer from which route.

`python -m tests.e2e.authorisation_table` prints it for `docs/authorisation.md`. A new route needs a
row for each subject that its path can have. `test_authorisation.py` checks every cell.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.scope import Scope

#: The callers, in the order of the columns. The owner is the user to whom the subject belongs.
ACCOUNTS: Final = ("owner", "other user", "staff")
CLIENTS: Final[Mapping[str, frozenset[Scope]]] = {
    "orders:read": frozenset({Scope.ORDERS_READ}),
    "orders:status": frozenset({Scope.ORDERS_STATUS}),
    "both scopes": frozenset(Scope),
}
CALLERS: Final = ("anonymous", *ACCOUNTS, *CLIENTS, "disabled account", "revoked client")

_MISSING: Final = "401 token-missing"
_INVALID: Final = "401 token-invalid"
_SCOPE: Final = "403 insufficient-scope"
_POLICY: Final = "403 status-policy"
_WRONG: Final = "403 wrong-password"
_STAFF_ONLY: Final = "403 staff-only"
_FOREIGN_LIST: Final = "403 not-your-orders"
_NO_ORDER: Final = "404 order-not-found"
_NO_SESSION: Final = "404 session-not-found"

Cells = Mapping[str, str]


def everyone(answer: str) -> Cells:
    """Return the cells of a route that ignores tokens."""
    return dict.fromkeys(CALLERS, answer)


def accounts(owner: str, other: str, staff: str) -> Cells:
    """Return the cells of a route for accounts only."""
    return _with_token(owner, other, staff, dict.fromkeys(CLIENTS, _SCOPE))


def scope(needed: Scope, owner: str, other: str, staff: str, client: str) -> Cells:
    """Return the cells of a route for accounts, and for machine clients with a scope."""
    cells = {name: client if needed in scopes else _SCOPE for name, scopes in CLIENTS.items()}
    return _with_token(owner, other, staff, cells)


def _with_token(owner: str, other: str, staff: str, clients: Cells) -> Cells:
    return {
        "anonymous": _MISSING,
        **dict(zip(ACCOUNTS, (owner, other, staff), strict=True)),
        **clients,
        "disabled account": _INVALID,
        "revoked client": _INVALID,
    }


@dataclass(frozen=True, slots=True)
class Row:
    """A route, the subject in its path and the answer for each caller.

    An answer is a status and, for a problem, its code. `request` has httpx's arguments. A new
    subject is made for each caller.
    """

    method: str
    path: str
    cells: Cells
    subject: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    #: The value of `STATUS_POLICY`.
    policy: str = "owner"

    @property
    def operation(self) -> str:
        """The method and the path, which identify the operation in the OpenAPI document."""
        return f"{self.method} {self.path}"

    def __str__(self) -> str:
        """Return the operation, the subject and what is sent, for the name of the test."""
        sent = self.request.get("json", {}).get("status", "")
        return " ".join(filter(None, (self.operation, self.subject, sent, self._policy)))

    @property
    def _policy(self) -> str:
        return "" if self.policy == "owner" else f"STATUS_POLICY={self.policy}"


_READ: Final = Scope.ORDERS_READ
_STATUS: Final = Scope.ORDERS_STATUS
_ORDER: Final = "/orders/{order_id}/"
_HISTORY: Final = "/orders/{order_id}/history/"
_LIST: Final = "/orders/user/{user_id}/"
_SESSION: Final = "/me/sessions/{session_id}/"
_SESSIONS_OF: Final = "/users/{user_id}/sessions/"
_PAY: Final = {"json": {"status": "PAID"}}
_CANCEL: Final = {"json": {"status": "CANCELED"}}
_NEW_ORDER: Final = {"json": {"items": [{"name": "tea"}], "total_price": 4.5}}
_BAD_REGISTRATION: Final = {"json": {"email": "ada", "password": "correct horse battery"}}
_BAD_LOGIN: Final = {"data": {"username": "nobody@example.com", "password": "wrong horse"}}
_BAD_ERASURE: Final = {"json": {"password": "wrong horse"}}
_BAD_CHANGE: Final = {
    "json": {"current_password": "wrong horse", "new_password": "correct horse battery"}
}
_ANY_TOKEN: Final = {"data": {"token": "unknown"}}
_PASSWORD_ASKED: Final = accounts(_WRONG, _WRONG, _WRONG)
_CHANGED: Final = scope(_STATUS, "200", _NO_ORDER, "200", "200")
_RESERVED: Final = scope(_STATUS, _POLICY, _NO_ORDER, "200", "200")
_NOT_CHANGED: Final = scope(_STATUS, _NO_ORDER, _NO_ORDER, _NO_ORDER, _NO_ORDER)

ROWS: Final = (
    Row("POST", "/register/", everyone("422 invalid-request"), request=_BAD_REGISTRATION),
    Row("POST", "/token/", everyone("401 invalid-credentials"), request=_BAD_LOGIN),
    Row("POST", "/token/revoke/", everyone("200"), request=_ANY_TOKEN),
    Row("GET", "/me/", accounts("200", "200", "200")),
    Row("DELETE", "/me/", _PASSWORD_ASKED, request=_BAD_ERASURE),
    Row("POST", "/me/password/", _PASSWORD_ASKED, request=_BAD_CHANGE),
    Row("GET", "/me/export/", accounts("200", "200", "200")),
    Row("GET", "/me/sessions/", accounts("200", "200", "200")),
    Row("DELETE", _SESSION, accounts("204", _NO_SESSION, _NO_SESSION), "a session"),
    Row("DELETE", _SESSION, accounts(_NO_SESSION, _NO_SESSION, _NO_SESSION), "no session"),
    Row("DELETE", _SESSIONS_OF, accounts(_STAFF_ONLY, _STAFF_ONLY, "204"), "another user"),
    Row("DELETE", _SESSIONS_OF, accounts(_STAFF_ONLY, _STAFF_ONLY, "204"), "no user"),
    Row("POST", "/orders/", accounts("201", "201", "201"), request=_NEW_ORDER),
    Row("GET", "/orders/", scope(_READ, "200", "200", "200", "200")),
    Row("GET", _LIST, scope(_READ, "200", _FOREIGN_LIST, "200", "200"), "the owner"),
    Row("GET", _LIST, scope(_READ, _FOREIGN_LIST, _FOREIGN_LIST, "200", "200"), "no user"),
    Row("GET", _ORDER, scope(_READ, "200", _NO_ORDER, "200", "200"), "an order"),
    Row("GET", _ORDER, scope(_READ, _NO_ORDER, _NO_ORDER, _NO_ORDER, _NO_ORDER), "no order"),
    Row("GET", _HISTORY, scope(_READ, "200", _NO_ORDER, "200", "200"), "an order"),
    Row("GET", _HISTORY, scope(_READ, _NO_ORDER, _NO_ORDER, _NO_ORDER, _NO_ORDER), "no order"),
    Row("PATCH", _ORDER, _CHANGED, "an order", _PAY),
    Row("PATCH", _ORDER, _CHANGED, "an order", _CANCEL),
    Row("PATCH", _ORDER, _NOT_CHANGED, "no order", _PAY),
    Row("PATCH", _ORDER, _RESERVED, "an order", _PAY, "staff"),
    Row("PATCH", _ORDER, _CHANGED, "an order", _CANCEL, "staff"),
    Row("PATCH", _ORDER, _NOT_CHANGED, "no order", _PAY, "staff"),
    Row("GET", "/health/", everyone("200")),
    Row("GET", "/health/ready/", everyone("200")),
    Row("GET", "/metrics", everyone("200")),
    Row("GET", "/openapi.json", everyone("200")),
    Row("GET", "/.well-known/jwks.json", everyone("200")),
    Row("GET", "/docs", everyone("200")),
    Row("GET", "/problems/", everyone("200")),
    Row("GET", "/problems/{code}", everyone("200"), "a code"),
    Row("GET", "/", everyone("200")),
    Row("GET", "/favicon.ico", everyone("200")),
)

_START: Final = """\
# Authorisation

The answer of every route to every kind of caller. A 404 is the same for another user's order and
for one that doesn't exist. The *owner* is the user to whom the subject belongs. The columns
`orders:read`, `orders:status` and *both scopes* are machine clients with these scopes.

`python -m tests.e2e.authorisation_table` makes this page from the table that
`tests/e2e/test_authorisation.py` tries out cell by cell, and `make check` compares it.

"""


def page() -> str:
    """Return the table as Markdown."""
    return _START + "".join(f"| {' | '.join(line)} |\n" for line in _lines())


def _lines() -> Iterator[tuple[str, ...]]:
    head = ("route", "subject", *CALLERS)
    yield head
    yield ("---",) * len(head)
    for row in ROWS:
        sent = str(row).removeprefix(row.operation).strip()
        yield (f"`{row.operation}`", sent, *(row.cells[caller] for caller in CALLERS))


if __name__ == "__main__":
    sys.stdout.write(page())
