import json
import re
import tomllib
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
import schemathesis
from dishka import AsyncContainer
from jsonschema_rs import Draft202012Validator
from litestar.routes import HTTPRoute

from application.errors import OUTCOME_UNKNOWN, AccountClosed, NoSuchAccount, NoSuchClient
from domain.errors import ClientNameTaken
from domain.scope import Scope
from entrypoints.http.about import VERSION
from entrypoints.http.app import routing
from entrypoints.http.links import link
from entrypoints.http.messages.query import OF_ALL, OF_OWNER
from entrypoints.http.openapi.committed import COMMITTED, committed_text
from entrypoints.http.openapi.document import document_text
from entrypoints.http.openapi.headers import COMMON, HEADERS, LIMITED
from entrypoints.http.openapi.operation import Operation, operations_of
from entrypoints.http.openapi.parameters import PARAMETERS
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.lookup import row_of
from entrypoints.http.problems.responses import handle_exception
from entrypoints.http.routes import ROUTES
from tests.support.json_values import objects_in

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = document_text(ROUTES)
DOCUMENT: Final[dict[str, Any]] = json.loads(TEXT)
OPERATIONS: Final = tuple(operations_of(ROUTES))

#: Errors that only occur on the command line, never in a request.
COMMAND_LINE_ERRORS: Final = {AccountClosed, NoSuchAccount, NoSuchClient, ClientNameTaken}


def contents() -> list[dict[str, Any]]:
    """Return all contents in the document that have examples."""
    return [node for node in objects_in(DOCUMENT) if "schema" in node and "examples" in node]


def valid(instance: object, schema: dict[str, Any]) -> bool:
    components = {"components": DOCUMENT["components"]}
    return Draft202012Validator({**schema, **components}).is_valid(instance)


def is_valid_as(instance: object, name: str) -> bool:
    return valid(instance, {"$ref": f"#/components/schemas/{name}"})


def order(**changes: object) -> dict[str, object]:
    return {"items": [{"name": "tea"}], "total_price": 1, **changes}


def item(**changes: object) -> dict[str, object]:
    return order(items=[{"name": "tea", **changes}])


def routes() -> set[tuple[str, str]]:
    """Return all methods of all routes, except OPTIONS and undocumented routes."""
    app = routing(nullcontext(cast(AsyncContainer, None)))
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS" and handler.include_in_schema is not False
    }


def flows_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the OAuth flows of all security schemes."""
    schemes = document["components"]["securitySchemes"].values()
    return [flow for scheme in schemes for flow in scheme["flows"].values()]


# --- The document as a whole


def test_the_document_is_valid_openapi_3_1() -> None:
    document = deepcopy(DOCUMENT)
    # The specification allows a relative URL, but schemathesis's schema does not.
    for flow in flows_of(document):
        flow["tokenUrl"] = "https://api.example.com/token/"
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_the_committed_document_matches_the_routes() -> None:
    assert committed_text() == TEXT, f"run: orders openapi > {COMMITTED.relative_to(ROOT)}"


def test_a_path_prefix_changes_only_the_servers_and_the_token_url() -> None:
    document = json.loads(committed_text("/shop"))
    assert list(document)[:3] == ["openapi", "servers", "info"]
    assert document.pop("servers") == [{"url": "/shop"}]
    for flow in flows_of(document):
        assert flow["tokenUrl"] == "/shop/token/"
        flow["tokenUrl"] = "/token/"
    assert document == DOCUMENT


def test_the_document_is_ascii() -> None:
    assert TEXT.isascii()
    assert TEXT.endswith("}\n")


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_every_reference_resolves() -> None:
    references = {node["$ref"] for node in objects_in(DOCUMENT) if "$ref" in node}
    assert references
    for reference in references:
        found = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_component_is_used() -> None:
    for kind in ("parameters", "headers", "schemas"):
        unused = {
            name
            for name in DOCUMENT["components"][kind]
            if f'"#/components/{kind}/{name}"' not in TEXT
        }
        assert unused == set()
    assert set(PARAMETERS) == set(DOCUMENT["components"]["parameters"])
    assert set(HEADERS) == set(DOCUMENT["components"]["headers"])


def test_the_document_has_no_host_names() -> None:
    assert not re.search(r"https?://", TEXT)
    assert [flow["tokenUrl"] for flow in flows_of(DOCUMENT)] == ["/token/", "/token/"]


def test_the_scopes_are_described_and_used() -> None:
    flows = DOCUMENT["components"]["securitySchemes"]["client"]["flows"]
    described = flows["clientCredentials"]["scopes"]
    assert set(described) == set(Scope) == {each.scope for each in OPERATIONS if each.scope}


# --- Routes and problems


# Litestar has deprecated this way to declare path parameters.
@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
def test_the_document_has_exactly_the_routes() -> None:
    documented = {
        (method.upper(), path.rstrip("/") or "/")
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert documented == routes()


def test_operation_ids_are_unique() -> None:
    names = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_every_link_names_an_operation() -> None:
    answers = [answer for operation in OPERATIONS for answer in operation.contract.answers]
    links = {name for answer in answers for name in answer.links}
    assert links
    assert links <= {operation.name for operation in OPERATIONS}


def _is_required(header: Any) -> bool:
    name = header["$ref"].rpartition("/")[2]
    return bool(DOCUMENT["components"]["headers"][name]["required"])


def test_every_problem_has_an_example() -> None:
    codes = {row.code for row in CATALOGUE if row.error not in COMMAND_LINE_ERRORS}
    shown = {name for content in contents() for name in content["examples"]}
    assert codes <= shown
    assert not ({row.code for row in CATALOGUE} - codes) & shown


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_the_response_to_an_error_matches_the_document(operation: Operation) -> None:
    responses = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    for error in operation.errors:
        request: Any = SimpleNamespace(scope={"path": operation.path, "headers": []})
        answer = handle_exception(request, error)
        response = responses[str(answer.status_code)]
        assert set(response["content"]) == {answer.media_type}
        examples = response["content"][answer.media_type]["examples"]
        shown = [
            {**example["value"], "instance": link({}, operation.path)}
            for name, example in examples.items()
            if name.startswith(row_of(error).code)
        ]
        assert json.loads(answer.content) in shown
        special = response["headers"].keys() - {*COMMON, *LIMITED}
        assert {name for name in special if _is_required(response["headers"][name])} <= set(
            answer.headers
        )
        assert set(answer.headers) <= special


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_only_changes_can_have_an_unknown_outcome(operation: Operation) -> None:
    details = [str(error) for error in operation.errors]
    assert (OUTCOME_UNKNOWN in details) == operation.contract.changes
    assert operation.contract.changes == (
        operation.method in {"POST", "PATCH", "DELETE"} and operation.path != "/token/"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_operations_with_a_token_or_limit_document_their_refusals(operation: Operation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    accounts: list[dict[str, list[str]]] = [{"account": []}] if operation.needs_token else []
    clients = [{"client": [operation.scope]}] if operation.scope else []
    assert described["security"] == [*accounts, *clients]
    assert bool(operation.needs_token) <= ("401" in described["responses"])
    assert ("429" in described["responses"]) == operation.is_limited
    assert "500" in described["responses"]


# --- Examples


def test_every_example_of_a_body_is_valid() -> None:
    assert len(contents()) > 50
    for content in contents():
        for name, example in content["examples"].items():
            assert valid(example["value"], content["schema"]), name


def test_every_example_of_a_header_or_parameter_is_valid() -> None:
    for node in objects_in(DOCUMENT):
        if "schema" in node and "example" in node:
            assert valid(node["example"], node["schema"]), node


def test_every_example_in_a_schema_is_valid() -> None:
    for node in objects_in(DOCUMENT["components"]["schemas"]):
        if isinstance(node.get("examples"), list):
            assert all(valid(example, node) for example in node["examples"]), node


# --- Request schemas


@pytest.mark.parametrize(
    "body",
    [
        order(),
        order(total_price="9.95", currency=None, reference=None),
        order(items=[{"product_id": 7, "price": 1}, {"product_id": "7", "price": "2.50"}]),
        order(items=[{"name": "tea", "price": None}, {"name": "mug"}]),
        item(product_id=None, attributes=None),
        item(attributes={"gift": True, "grams": 250, "ratio": -0.5, "none": 0, "text": ""}),
        item(quantity=10_000),
    ],
)
def test_the_schema_accepts_a_valid_order(body: object) -> None:
    assert is_valid_as(body, "NewOrder")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"items": [{"name": "tea"}]},
        order(coupon="TEA"),
        order(items=[]),
        order(items=[{"name": "tea"}] * 101),
        order(total_price=None),
        order(total_price=-1),
        order(total_price=1_000_000_000),
        order(total_price="1,000"),
        order(total_price="\u0661"),
        order(currency="XXX"),
        order(reference=""),
        order(reference="a\0b"),
        item(colour="green"),
        item(quantity=None),
        item(quantity=0),
        item(quantity=1.5),
        item(name=""),
        item(name="x" * 201),
        item(product_id=True),
        item(attributes={"": 1}),
        item(attributes={"nothing": None}),
        item(attributes={"nested": {}}),
        item(attributes={"huge": 1e308}),
        item(attributes={"tiny": 5e-324}),
        item(attributes={str(number): 1 for number in range(21)}),
    ],
)
def test_the_schema_rejects_an_invalid_order(body: object) -> None:
    assert not is_valid_as(body, "NewOrder")


def test_no_schema_has_properties_beside_alternatives() -> None:
    """Client generators make a class for each alternative, and drop such properties."""
    for node in objects_in(DOCUMENT["components"]["schemas"]):
        assert not ("properties" in node and {"anyOf", "oneOf"} & node.keys()), node


def test_an_amount_is_a_double() -> None:
    """Without a format, Go generators use 32 bits, and 1234567.89 becomes 1234567.9."""
    schemas = DOCUMENT["components"]["schemas"]
    amounts = [schemas[each]["properties"]["total_price"] for each in ("NewOrder", "Order")]
    amounts += [schemas[each]["properties"]["price"] for each in ("NewOrderItem", "OrderItem")]
    numbers = [node for node in objects_in(amounts) if node.get("type") == "number"]
    assert [each["format"] for each in numbers] == ["double"] * 4


def test_the_parameters_of_lists_match_the_parser() -> None:
    for path, known in (("/orders/", OF_ALL), ("/orders/user/{user_id}/", OF_OWNER)):
        references = [each["$ref"] for each in DOCUMENT["paths"][path]["get"]["parameters"]]
        described = [PARAMETERS[each.rpartition("/")[2]] for each in references]
        assert [each["name"] for each in described if each["in"] == "query"] == list(known)


@pytest.mark.parametrize("email", ["ada@example.com", "\u00e9va+tea@caf\u00e9.example.org"])
def test_the_schema_accepts_a_valid_account(email: str) -> None:
    assert is_valid_as({"email": email, "password": "x" * 8}, "Registration")


@pytest.mark.parametrize(
    "change",
    [
        {"email": "ada"},
        {"email": "ada@localhost"},
        {"email": "a..b@example.com"},
        {"email": "ada@-.com"},
        {"email": None},
        {"password": "x" * 7},
        {"password": "x" * 129},
        {"password": "\0" * 8},
        {"role": "staff"},
    ],
)
def test_the_schema_rejects_an_invalid_account(change: dict[str, object]) -> None:
    account = {"email": "ada@example.com", "password": "x" * 8, **change}
    assert not is_valid_as(account, "Registration")


def test_only_nullable_fields_of_a_response_accept_null() -> None:
    (pending,) = DOCUMENT["paths"]["/orders/"]["post"]["responses"]["201"]["content"].values()
    shown = pending["examples"]["pending"]["value"]
    assert is_valid_as(shown, "Order")
    assert not is_valid_as({**shown, "reference": None}, "Order")
    assert is_valid_as({**shown, "processed_at": None}, "Order")
