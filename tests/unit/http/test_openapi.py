import json
import re
import tomllib
from collections.abc import Iterator
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

from application.errors import OUTCOME_UNKNOWN, NoSuchAccount
from entrypoints.http.about import VERSION
from entrypoints.http.app import routing
from entrypoints.http.links import link
from entrypoints.http.messages.list_query import OF_ALL, OF_OWNER
from entrypoints.http.openapi.committed import COMMITTED, committed_text
from entrypoints.http.openapi.document import document_text
from entrypoints.http.openapi.headers import COMMON, HEADERS, LIMITED
from entrypoints.http.openapi.operation import Operation, operations_of
from entrypoints.http.openapi.parameters import PARAMETERS
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.lookup import row_of
from entrypoints.http.problems.responses import handle_exception
from entrypoints.http.routes import ROUTES

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = document_text(ROUTES)
DOCUMENT: Final[dict[str, Any]] = json.loads(TEXT)
OPERATIONS: Final = tuple(operations_of(ROUTES))

#: Refusals that no request can meet: they are the command line's.
OF_THE_COMMAND_LINE: Final = {NoSuchAccount}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from nodes(each)


def contents() -> list[dict[str, Any]]:
    """Every body with examples."""
    return [node for node in nodes(DOCUMENT) if "schema" in node and "examples" in node]


def valid(instance: object, schema: dict[str, Any]) -> bool:
    components = {"components": DOCUMENT["components"]}
    return Draft202012Validator({**schema, **components}).is_valid(instance)


def fits(instance: object, name: str) -> bool:
    return valid(instance, {"$ref": f"#/components/schemas/{name}"})


def order(**changes: object) -> dict[str, object]:
    return {"items": [{"name": "tea"}], "total_price": 1, **changes}


def item(**changes: object) -> dict[str, object]:
    return order(items=[{"name": "tea", **changes}])


def routes() -> set[tuple[str, str]]:
    """Every method of every route, but for the files that pages are made of and OPTIONS."""
    app = routing(nullcontext(cast(AsyncContainer, None)))
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS" and handler.include_in_schema is not False
    }


# --- The document as a whole


def test_it_is_valid_openapi_3_1() -> None:
    document = deepcopy(DOCUMENT)
    # The specification lets a URL be relative; the schema of schemathesis does not know.
    flows = document["components"]["securitySchemes"]["account"]["flows"]
    flows["password"]["tokenUrl"] = "https://api.example.com/token/"
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_the_committed_document_is_the_one_of_the_routes() -> None:
    assert committed_text() == TEXT, f"run: orders openapi > {COMMITTED.relative_to(ROOT)}"


def test_a_path_prefix_stands_in_the_servers_and_the_token_url_alone() -> None:
    document = json.loads(committed_text("/shop"))
    assert list(document)[:3] == ["openapi", "servers", "info"]
    assert document.pop("servers") == [{"url": "/shop"}]
    flow = document["components"]["securitySchemes"]["account"]["flows"]["password"]
    assert flow["tokenUrl"] == "/shop/token/"
    flow["tokenUrl"] = "/token/"
    assert document == DOCUMENT


def test_it_is_ascii_whatever_the_terminal_is() -> None:
    assert TEXT.isascii()
    assert TEXT.endswith("}\n")


def test_its_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_every_reference_leads_somewhere() -> None:
    references = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
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


def test_it_names_no_host() -> None:
    assert not re.search(r"https?://", TEXT)
    flow = DOCUMENT["components"]["securitySchemes"]["account"]["flows"]["password"]
    assert flow["tokenUrl"] == "/token/"


# --- Routes and refusals


# Litestar would have the parameters of paths declared in another way.
@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
def test_every_route_is_in_the_document_and_the_reverse() -> None:
    documented = {
        (method.upper(), path.rstrip("/") or "/")
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert documented == routes()


def test_no_operation_has_the_name_of_another() -> None:
    names = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_every_link_leads_to_an_operation() -> None:
    answers = [answer for operation in OPERATIONS for answer in operation.contract.answers]
    links = {name for answer in answers for name in answer.links}
    assert links
    assert links <= {operation.name for operation in OPERATIONS}


def test_every_refusal_has_an_example_somewhere() -> None:
    codes = {row.code for row in CATALOGUE if row.error not in OF_THE_COMMAND_LINE}
    exemplified = {name for content in contents() for name in content["examples"]}
    assert codes <= exemplified
    assert not ({row.code for row in CATALOGUE} - codes) & exemplified


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_a_refusal_is_answered_as_its_operation_says(operation: Operation) -> None:
    responses = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    for refusal in operation.errors:
        request: Any = SimpleNamespace(scope={"path": operation.path, "headers": []})
        answer = handle_exception(request, refusal)
        response = responses[str(answer.status_code)]
        assert set(response["content"]) == {answer.media_type}
        examples = response["content"][answer.media_type]["examples"]
        shown = [
            {**example["value"], "instance": link({}, operation.path)}
            for name, example in examples.items()
            if name.startswith(row_of(refusal).code)
        ]
        assert json.loads(answer.content) in shown
        assert set(answer.headers) == set(response["headers"]) - {*COMMON, *LIMITED}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_only_a_change_may_have_been_done_without_an_answer(operation: Operation) -> None:
    details = [str(refusal) for refusal in operation.errors]
    assert (OUTCOME_UNKNOWN in details) == operation.contract.changes
    assert operation.contract.changes == (
        operation.method in {"POST", "PATCH"} and operation.path != "/token/"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_who_needs_a_token_can_be_told_so(operation: Operation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert described["security"] == ([{"account": []}] if operation.needs_token else [])
    assert bool(operation.needs_token) <= ("401" in described["responses"])
    assert ("429" in described["responses"]) == operation.is_limited
    assert "500" in described["responses"]


# --- Examples


def test_every_example_of_a_body_is_one() -> None:
    assert len(contents()) > 50
    for content in contents():
        for name, example in content["examples"].items():
            assert valid(example["value"], content["schema"]), name


def test_every_example_of_a_header_or_parameter_is_one() -> None:
    for node in nodes(DOCUMENT):
        if "schema" in node and "example" in node:
            assert valid(node["example"], node["schema"]), node


def test_every_example_in_a_schema_is_one() -> None:
    for node in nodes(DOCUMENT["components"]["schemas"]):
        if isinstance(node.get("examples"), list):
            assert all(valid(example, node) for example in node["examples"]), node


# --- What the schemas of requests say


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
def test_an_order_that_may_be_placed_fits(body: object) -> None:
    assert fits(body, "NewOrder")


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
def test_an_order_that_would_be_refused_does_not_fit(body: object) -> None:
    assert not fits(body, "NewOrder")


def test_no_property_of_a_request_stands_beside_a_choice() -> None:
    """Generators of clients make classes of the alternatives, without such properties."""
    for node in nodes(DOCUMENT["components"]["schemas"]):
        assert not ("properties" in node and {"anyOf", "oneOf"} & node.keys()), node


def test_an_amount_is_a_double() -> None:
    """Generators for Go take 32 bits for a number of no format: 1234567.89 becomes 1234567.9."""
    schemas = DOCUMENT["components"]["schemas"]
    amounts = [schemas[each]["properties"]["total_price"] for each in ("NewOrder", "Order")]
    amounts += [schemas[each]["properties"]["price"] for each in ("NewOrderItem", "OrderItem")]
    numbers = [node for node in nodes(amounts) if node.get("type") == "number"]
    assert [each["format"] for each in numbers] == ["double"] * 4


def test_the_parameters_of_lists_are_those_that_the_service_knows() -> None:
    for path, known in (("/orders/", OF_ALL), ("/orders/user/{user_id}/", OF_OWNER)):
        references = [each["$ref"] for each in DOCUMENT["paths"][path]["get"]["parameters"]]
        described = [PARAMETERS[each.rpartition("/")[2]] for each in references]
        assert [each["name"] for each in described if each["in"] == "query"] == list(known)


@pytest.mark.parametrize("email", ["ada@example.com", "\u00e9va+tea@caf\u00e9.example.org"])
def test_an_account_that_may_be_opened_fits(email: str) -> None:
    assert fits({"email": email, "password": "x" * 8}, "Registration")


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
def test_an_account_that_would_be_refused_does_not_fit(change: dict[str, object]) -> None:
    account = {"email": "ada@example.com", "password": "x" * 8, **change}
    assert not fits(account, "Registration")


def test_what_is_never_null_in_an_answer_is_not_said_to_be() -> None:
    (pending,) = DOCUMENT["paths"]["/orders/"]["post"]["responses"]["201"]["content"].values()
    shown = pending["examples"]["pending"]["value"]
    assert fits(shown, "Order")
    assert not fits({**shown, "reference": None}, "Order")
    assert fits({**shown, "processed_at": None}, "Order")
