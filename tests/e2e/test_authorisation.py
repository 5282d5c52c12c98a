"""Every cell of the authorisation table, tried out on the real service."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.e2e.authorisation_table import ACCOUNTS, CALLERS, CLIENTS, ROWS, Row
from tests.e2e.service import Service, User, eventually

POLICIES: Final = sorted({row.policy for row in ROWS})
#: Answers to requests without a valid token, and with the token of a machine client.
WITHOUT_TOKEN: Final = "401 token-missing"
WITHOUT_SCOPE: Final = "403 insufficient-scope"


class Callers:
    """The callers of the table's columns, and the subjects of its rows, on one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.owner = service.register()
        self.tokens: Mapping[str, str | None] = {
            "anonymous": None,
            "owner": self.owner.token,
            "other user": service.register().token,
            "staff": service.register_staff().token,
            **{name: self._client(scopes) for name, scopes in CLIENTS.items()},
            "disabled account": self._disabled(),
            "revoked client": self._revoked(),
        }
        self._subjects: Mapping[str, Callable[[], str]] = {
            "": str,
            "a code": lambda: "order-not-found",
            "a session": self._session,
            "an order": lambda: str(self.owner.order()["id"]),
            "another user": lambda: service.register().id,
            "no order": lambda: str(uuid4()),
            "no session": lambda: str(uuid4()),
            "no user": lambda: str(uuid4()),
            "the owner": lambda: self.owner.id,
        }

    def answer(self, row: Row, caller: str) -> str:
        """Send a row's request as a caller."""
        subject = self._subjects[row.subject]()
        ids = dict.fromkeys(("order_id", "user_id", "session_id", "code"), subject)
        return _brief(self._send(row.method, row.path.format(**ids), caller, row.request))

    def _send(
        self, method: str, path: str, caller: str, request: Mapping[str, Any]
    ) -> httpx.Response:
        token = self.tokens[caller]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._service.http.request(method, path, headers=headers, **request)

    def _session(self) -> str:
        """Begin another session of the owner and return its id."""
        again = self._service.log_in(self.owner.email)
        sessions = again.get("/me/sessions/").json()
        return next(str(each["id"]) for each in sessions if each["current"])

    def _client(self, scopes: frozenset[str]) -> str:
        return _token(self._service, self._created(scopes))

    def _created(self, scopes: frozenset[str]) -> dict[str, Any]:
        options = [option for each in sorted(scopes) for option in ("--scope", each)]
        name = f"client-{uuid4().hex[:12]}"
        done = self._service.run("clients", "create", name, *options, "--json")
        assert done.returncode == 0, done.stderr
        created: dict[str, Any] = json.loads(done.stdout)
        return created

    def _disabled(self) -> str:
        user = self._service.register()
        assert self._service.run("users", "disable", user.email).returncode == 0
        eventually(lambda: user.get("/me/").status_code == 401)
        return user.token

    def _revoked(self) -> str:
        created = self._created(CLIENTS["both scopes"])
        client = User(self._service, "", "", _token(self._service, created))
        assert client.get("/orders/").status_code == 200
        assert self._service.run("clients", "revoke", created["client_id"]).returncode == 0
        eventually(lambda: client.get("/orders/").status_code == 401)
        return client.token


def _token(service: Service, created: Mapping[str, Any]) -> str:
    form = {"grant_type": "client_credentials"}
    credentials = {name: created[name] for name in ("client_id", "client_secret")}
    answer = service.http.post("/token/", data=form | credentials)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def _brief(answer: httpx.Response) -> str:
    """Return the status and, for a problem, its code."""
    code = answer.json()["code"] if answer.status_code >= 400 else ""
    return f"{answer.status_code} {code}".strip()


@pytest.fixture(scope="module")
def callers(request: pytest.FixtureRequest) -> Callable[[str], Callers]:
    """Return the callers on the service with this status policy."""
    services = {"owner": "service", "staff": "staffed_service"}
    return cache(lambda policy: Callers(request.getfixturevalue(services[policy])))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_caller_gets_the_answer_of_the_table(
    callers: Callable[[str], Callers], policy: str
) -> None:
    """Each policy is one test, because making the callers takes more time than the requests."""
    of_policy, rows = callers(policy), [row for row in ROWS if row.policy == policy]
    answers = {
        str(row): {caller: of_policy.answer(row, caller) for caller in CALLERS} for row in rows
    }
    assert answers == {str(row): row.cells for row in rows}


def documented(service: Service) -> dict[str, Any]:
    """Return the operations in the OpenAPI document."""
    paths = service.http.get("/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_the_table_has_exactly_the_routes_of_the_document(service: Service) -> None:
    assert {row.operation for row in ROWS} == set(documented(service))


def test_the_table_agrees_with_the_documents_security(service: Service) -> None:
    for row in ROWS:
        security = documented(service)[row.operation]["security"]
        needed = {name for each in security for name in each.get("client", ())}
        assert bool(security) == (row.cells["anonymous"] == WITHOUT_TOKEN), row
        if security:
            admitted = {each for each in CLIENTS if row.cells[each] != WITHOUT_SCOPE}
            assert admitted == {each for each in CLIENTS if needed & CLIENTS[each]}, row


def test_rows_with_a_path_parameter_have_existing_and_missing_subjects() -> None:
    for row in ROWS:
        if "_id}" in row.path:
            subjects = {each.subject for each in ROWS if each.operation == row.operation}
            assert any(each.startswith("no ") for each in subjects), row
            assert any(not each.startswith("no ") for each in subjects), row


def test_a_wrong_cell_is_noticed(callers: Callable[[str], Callers]) -> None:
    row = next(each for each in ROWS if each.subject == "an order" and each.method == "GET")
    wrong = replace(row, cells={**row.cells, "other user": "200"})
    assert callers("owner").answer(wrong, "other user") != wrong.cells["other user"]


def test_every_row_has_a_cell_for_every_caller() -> None:
    assert set(ACCOUNTS) | set(CLIENTS) < set(CALLERS)
    assert all(set(row.cells) == set(CALLERS) for row in ROWS)
