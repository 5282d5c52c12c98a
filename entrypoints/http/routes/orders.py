"""The order routes: place, list and read orders, change their status, read their history."""

import msgspec
from dishka import FromDishka
from litestar import get, patch, post
from litestar.params import FromPath

from application.documents import OrderDocument
from application.errors import (
    ConcurrentUpdate,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    NotYourOrders,
)
from application.orders.change_status import ChangeStatus, ChangeStatusCommand
from application.orders.list_orders import ListOrders
from application.orders.place_order import PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.read_history import ReadHistory
from application.orders.read_order import ReadOrder
from application.ports.orders import OrderPage
from application.ports.paging import Cursors
from domain.errors import (
    OrderNotFound,
    ReferenceTaken,
    StatusForbidden,
    VersionConflict,
)
from domain.order.history import Step
from domain.order.lines import OrderLines
from domain.order.order import parse_reason, parse_reference
from domain.scope import Scope
from entrypoints.http.errors import IdempotencyKeyMissing
from entrypoints.http.guards import admission_of, for_readers, for_users
from entrypoints.http.links import link
from entrypoints.http.messages import schemas
from entrypoints.http.messages.body import read_json
from entrypoints.http.messages.conditional_requests import IfMatch, etag_of, is_current
from entrypoints.http.messages.idempotency_key import bad_key, parse_key
from entrypoints.http.messages.path_ids import order_id_of, user_id_of
from entrypoints.http.messages.query import (
    next_page,
    parse_list_query,
    parse_status,
    refuse_query,
)
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.openapi.parameters import OF_LISTS
from entrypoints.http.responses.raw_response import Header, RawResponse
from entrypoints.settings import Settings

_PRIVATE = (b"cache-control", b"private, no-cache")


@post("/orders", before_request=for_users(lambda settings: settings.rate_limit_orders))
@operation(
    description=(
        "Either all items have a price, or none of them do. With prices, `total_price` must be"
        " their exact sum. Without prices, it is stored as given. Amounts are parsed exactly, never"
        " as binary floats."
    ),
    parameters=("IdempotencyKey",),
    body=Body(schemas.NewOrder, examples.NEW_ORDERS),
    answers=(
        Answer(
            201,
            "The new order, or the first response to this idempotency key.",
            schemas.OrderSchema,
            {"pending": examples.PENDING_ORDER},
            ("Location", "ETag", "Cache-Control", "Idempotent-Replayed"),
            links=("read_order", "change_status", "read_history"),
        ),
    ),
    errors=(
        ReferenceTaken(),
        examples.BAD_ORDER,
        examples.BAD_TOTAL,
        IdempotencyKeyMissing(),
        bad_key(),
        IdempotencyInProgress(),
        IdempotencyKeyReused(),
    ),
    changes=True,
)
async def create_order(
    request: ApiRequest,
    settings: FromDishka[Settings],
    place_order: FromDishka[PlaceOrder],
    place_order_once: FromDishka[PlaceOrderOnce],
) -> RawResponse:
    """Place an order."""
    parsed = await read_json(request, schemas.NewOrder)
    key = _idempotency_key(request, settings)
    body, errors = parsed.body, parsed.errors
    currency = settings.default_currency if body.currency is None else body.currency
    lines = errors.collect(OrderLines.parse, body.items, body.total_price, currency)
    reference = errors.optional(parse_reference, body.reference, "reference")
    command = PlaceOrderCommand(request.user.user_id, errors.require(lines), reference)
    placed = await (place_order_once(command, key) if key else place_order(command))
    headers = [(b"location", link(request.scope, f"/orders/{placed.id}/").encode())]
    if placed.is_replay:
        headers.append((b"idempotent-replayed", b"true"))
    return _order(placed.document, *headers, status=201)


@get("/orders", before_request=for_users(scope=Scope.ORDERS_READ))
@operation(
    description="Newest first, in pages. The `Link` header has the next page, if there is one.",
    parameters=(*OF_LISTS, "UserId"),
    answers=(
        Answer(
            200,
            "A page of orders.",
            list[schemas.OrderSchema],
            {"one": [examples.PENDING_ORDER], "none": []},
            ("Link", "Cache-Control"),
        ),
    ),
    errors=(NotYourOrders(), examples.BAD_LIST),
)
async def list_orders(
    request: ApiRequest, cursors: FromDishka[Cursors], list_page: FromDishka[ListOrders]
) -> RawResponse:
    """List your orders, or all orders if you are staff."""
    query = parse_list_query(request, cursors, None)
    return _page(request, "/orders/", await list_page(query), cursors)


@get("/orders/user/{user_id:str}", before_request=for_users(scope=Scope.ORDERS_READ))
@operation(
    description=(
        "Newest first. Only staff may list the orders of another user or of an unknown id."
    ),
    parameters=("UserIdOfPath", *OF_LISTS),
    answers=(
        Answer(
            200,
            "A page of orders.",
            list[schemas.OrderSchema],
            {"one": [examples.PAID_ORDER], "none": []},
            ("Link", "Cache-Control"),
        ),
    ),
    errors=(NotYourOrders(), examples.BAD_LIST),
)
async def list_orders_of_user(
    request: ApiRequest,
    user_id: FromPath[str],
    cursors: FromDishka[Cursors],
    list_page: FromDishka[ListOrders],
) -> RawResponse:
    """List a user's orders."""
    owner = user_id_of(user_id)
    query = parse_list_query(request, cursors, owner)
    return _page(request, f"/orders/user/{owner}/", await list_page(query), cursors)


@get("/orders/{order_id:str}", before_request=for_readers(Scope.ORDERS_READ))
@operation(
    description=(
        "Returns 404 for an unknown id, for an id that is not a UUID, and for another user's order."
    ),
    parameters=("OrderId", "IfNoneMatch"),
    answers=(
        Answer(
            200,
            "The order.",
            schemas.OrderSchema,
            {"pending": examples.PENDING_ORDER, "processed": examples.PAID_ORDER},
            ("ETag", "X-Cache", "Cache-Control"),
        ),
        Answer(
            304,
            "Your copy is current. There is no body.",
            headers=("ETag", "X-Cache", "Cache-Control"),
        ),
    ),
    errors=(OrderNotFound(),),
)
async def read_order(
    request: ApiRequest, order_id: FromPath[str], read: FromDishka[ReadOrder]
) -> RawResponse:
    """Read an order."""
    async with admission_of(request):
        refuse_query(request)
        found = await read(order_id_of(order_id), request.actor)
    document = found.document
    cache = (b"x-cache", found.cache.name.encode())
    if is_current(request.list_header(b"if-none-match"), etag_of(document)):
        return RawResponse.without_body(304, [_etag(document), _PRIVATE, cache])
    return _order(document, cache)


@patch("/orders/{order_id:str}", before_request=for_users(scope=Scope.ORDERS_STATUS))
@operation(
    description=(
        "Setting the status that the order already has returns 200, without changing anything or"
        " publishing an event. The order's `next_statuses` contains the possible statuses."
    ),
    parameters=("OrderId", "IfMatch"),
    body=Body(schemas.StatusChange, examples.STATUS_CHANGES),
    answers=(
        Answer(
            200,
            "The order after the change.",
            schemas.OrderSchema,
            {"paid": examples.PAID_ORDER},
            ("ETag", "Cache-Control"),
        ),
    ),
    errors=(
        StatusForbidden("Only staff may set SHIPPED. You may cancel your order."),
        OrderNotFound(),
        examples.NO_WAY_BACK,
        examples.STALE,
        examples.BAD_CHANGE,
        ConcurrentUpdate(),
    ),
    changes=True,
)
async def change_status(
    request: ApiRequest, order_id: FromPath[str], change: FromDishka[ChangeStatus]
) -> RawResponse:
    """Change an order's status."""
    parsed = await read_json(request, schemas.StatusChange)
    body, errors = parsed.body, parsed.errors
    status = errors.parse(parse_status, body.status, "status")
    reason = errors.optional(parse_reason, body.reason, "reason")
    if_match = errors.collect(IfMatch.parse, request.list_header(b"if-match"))
    wanted, if_match = errors.require(status), errors.require(if_match)
    command = ChangeStatusCommand(
        order_id_of(order_id), wanted, request.actor, reason, if_match.versions
    )
    try:
        return _order(await change(command))
    except VersionConflict as conflict:
        raise if_match.explain(conflict) from None


@get("/orders/{order_id:str}/history", before_request=for_users(scope=Scope.ORDERS_READ))
@operation(
    description="Oldest first. The first step is the creation of the order.",
    parameters=("OrderId",),
    answers=(
        Answer(
            200,
            "The steps, each with its actor and reason.",
            list[schemas.HistoryStep],
            {"paid": examples.HISTORY},
            ("Cache-Control",),
        ),
    ),
    errors=(OrderNotFound(),),
)
async def read_history(
    request: ApiRequest, order_id: FromPath[str], read: FromDishka[ReadHistory]
) -> RawResponse:
    """Read an order's history."""
    refuse_query(request)
    steps = await read(order_id_of(order_id), request.actor)
    body = msgspec.json.encode([_shown(step) for step in steps])
    return RawResponse(body, headers=[_PRIVATE])


def _idempotency_key(request: ApiRequest, settings: Settings) -> str | None:
    header = request.header(b"idempotency-key")
    if header is not None:
        return parse_key(header)
    if settings.idempotency == "required":
        raise IdempotencyKeyMissing
    return None


def _page(request: ApiRequest, path: str, page: OrderPage, cursors: Cursors) -> RawResponse:
    headers = [_PRIVATE]
    if page.next_after:
        cursor = cursors.seal(page.next_after)
        headers.append((b"link", next_page(request, path, cursor).encode()))
    body = b"[%s]" % b",".join(document.body for document in page.orders)
    return RawResponse(body, headers=headers)


def _order(document: OrderDocument, *headers: Header, status: int = 200) -> RawResponse:
    return RawResponse(document.body, status, [_etag(document), _PRIVATE, *headers])


def _etag(document: OrderDocument) -> Header:
    return (b"etag", etag_of(document).encode())


def _shown(step: Step) -> schemas.HistoryStep:
    actor = schemas.HistoryActor(step.by.kind, step.by.id)
    return schemas.HistoryStep(step.version, step.before, step.after, actor, step.reason, step.at)


ROUTES = Routes(
    "Orders",
    (create_order, list_orders, list_orders_of_user, read_order, change_status, read_history),
)
