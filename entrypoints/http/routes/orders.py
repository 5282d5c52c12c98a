"""The routes of orders."""

from uuid import UUID

import msgspec
from litestar import Router, get, patch, post
from litestar.params import FromPath

from application.documents import OrderDocument
from application.orders.change_status import ChangeStatusCommand
from application.orders.list_orders import ListQuery
from application.orders.place_order import PlaceOrderCommand
from domain.errors import Invalid, OrderNotFound, OrderServiceError, VersionConflict
from domain.ids import OrderId, UserId
from domain.order.history import Step
from domain.order.lines import OrderLines
from domain.order.order import parse_reason, parse_reference
from entrypoints.http.guards import for_readers, for_users
from entrypoints.http.messages.conditional_requests import IfMatch, etag_of, is_current
from entrypoints.http.messages.json_body import read_json
from entrypoints.http.messages.list_query import (
    next_page,
    parse_list_query,
    parse_status,
    parse_uuid,
)
from entrypoints.http.messages.query_parameters import refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.messages.schemas import HistoryActor, HistoryStep, NewOrder, StatusChange
from entrypoints.http.proxies.links import link
from entrypoints.http.responses.options import with_options
from entrypoints.http.responses.raw_response import Answer, Header

_PRIVATE = (b"cache-control", b"private, no-cache")
_NOBODY = UserId(UUID(int=0))


@post("/orders", before_request=for_users(lambda limits: limits.orders))
async def create_order(request: ApiRequest) -> Answer:
    """Place an order."""
    services = request.services
    draft = await read_json(request, NewOrder)
    body, faults = draft.body, draft.faults
    currency = services.default_currency if body.currency is None else body.currency
    lines = faults.collect(OrderLines.parse, body.items, body.total_price, currency)
    reference = faults.optional(parse_reference, body.reference, "reference")
    placed = await services.create_order(
        PlaceOrderCommand(request.user.id, faults.require(lines), reference)
    )
    location = (b"location", link(request.scope, f"/orders/{placed.id}/").encode())
    return _order(placed.document, location, status=201)


@get("/orders/{order_id:str}", before_request=for_readers())
async def read_order(request: ApiRequest, order_id: FromPath[str]) -> Answer:
    """Read an order."""
    admission = request.admission
    try:
        refuse_query(request)
        wanted = _order_id(order_id)
    except OrderServiceError:
        await admission
        raise
    await admission
    found = await request.services.read_order(wanted, request.actor)
    document = found.document
    cache = (b"x-cache", found.cache.name.encode())
    if is_current(request.list_header(b"if-none-match"), etag_of(document)):
        return Answer.without_body(304, [_etag(document), _PRIVATE, cache])
    return _order(document, cache)


@patch("/orders/{order_id:str}", before_request=for_users())
async def change_status(request: ApiRequest, order_id: FromPath[str]) -> Answer:
    """Change an order's status."""
    draft = await read_json(request, StatusChange)
    body, faults = draft.body, draft.faults
    status = faults.parse(parse_status, body.status, "status")
    reason = faults.optional(parse_reason, body.reason, "reason")
    if_match = faults.collect(IfMatch.parse, request.list_header(b"if-match"))
    wanted, if_match = faults.require(status), faults.require(if_match)
    command = ChangeStatusCommand(
        _order_id(order_id), wanted, request.actor, reason, if_match.versions
    )
    try:
        return _order(await request.services.change_status(command))
    except VersionConflict as conflict:
        raise if_match.explain(conflict) from None


@get("/orders", before_request=for_users())
async def list_orders(request: ApiRequest) -> Answer:
    """List your own orders; staff: everybody's."""
    query = parse_list_query(request, request.services.cursors, None)
    return await _page(request, query, "/orders/")


@get("/orders/user/{user_id:str}", before_request=for_users())
async def list_orders_of_user(request: ApiRequest, user_id: FromPath[str]) -> Answer:
    """List a user's orders."""
    owner = _owner(user_id)
    query = parse_list_query(request, request.services.cursors, owner)
    return await _page(request, query, f"/orders/user/{owner}/")


@get("/orders/{order_id:str}/history", before_request=for_users())
async def read_history(request: ApiRequest, order_id: FromPath[str]) -> Answer:
    """Read the steps of an order's lifecycle."""
    refuse_query(request)
    steps = await request.services.read_history(_order_id(order_id), request.actor)
    body = msgspec.json.encode([_shown(step) for step in steps])
    return Answer(body, headers=[_PRIVATE])


async def _page(request: ApiRequest, query: ListQuery, path: str) -> Answer:
    page = await request.services.list_orders(query)
    headers = [_PRIVATE]
    if page.next_after:
        cursor = request.services.cursors.seal(page.next_after)
        headers.append((b"link", next_page(request, path, cursor).encode()))
    body = b"[%s]" % b",".join(document.body for document in page.orders)
    return Answer(body, headers=headers)


def _order(document: OrderDocument, *headers: Header, status: int = 200) -> Answer:
    return Answer(document.body, status, [_etag(document), _PRIVATE, *headers])


def _etag(document: OrderDocument) -> Header:
    return (b"etag", etag_of(document).encode())


def _shown(step: Step) -> HistoryStep:
    actor = HistoryActor(step.by.kind, step.by.id)
    return HistoryStep(step.version, step.before, step.after, actor, step.reason, step.at)


def _order_id(text: str) -> OrderId:
    try:
        return OrderId(parse_uuid(text))
    except Invalid:
        raise OrderNotFound from None


def _owner(text: str) -> UserId:
    try:
        return UserId(parse_uuid(text))
    except Invalid:
        return _NOBODY  # an id that is nobody's, as any other


routes = Router(
    "/",
    route_handlers=with_options(
        create_order, read_order, change_status, list_orders, list_orders_of_user, read_history
    ),
    tags=["Orders"],
)
