"""The route for exporting your data."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from dishka import FromDishka
from litestar import get

from application.accounts.export_account import ExportAccount, ExportEnd, ExportItem
from application.ports.export import ExportedOrder
from application.ports.outside_issuer import OutsideIdentity
from application.ports.sessions import Session
from domain.account import Account
from domain.order.history import Step
from entrypoints.http.guards import for_users
from entrypoints.http.messages import schemas
from entrypoints.http.messages.query import refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import NDJSON, Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.streamed_response import StreamedResponse
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS, storage_deadline

_NO_STORE = (b"cache-control", b"no-store")
_ATTACHMENT = (b"content-disposition", b'attachment; filename="export.ndjson"')


@get("/me/export", before_request=for_users())
@operation(
    description=(
        "One JSON object per line (NDJSON), with its kind in `type`: `account`, then each"
        " `identity` at an outside issuer, then each `session`, then each `order` as the API shows"
        " it, followed by each step of its `history`, and finally `end` with the numbers of"
        " sessions and orders. An export without `end` is incomplete: request it again. Each order"
        " and its history are from the same moment, but different orders are not."
    ),
    answers=(
        Answer(
            200,
            "Everything that is stored about you.",
            str,
            {"small": examples.EXPORT},
            ("Content-Disposition", "Cache-Control"),
            media_type=NDJSON,
        ),
    ),
)
async def export_account(
    request: ApiRequest, export: FromDishka[ExportAccount]
) -> StreamedResponse:
    """Export your data."""
    refuse_query(request)
    pages = export(request.user.user_id)
    # The first page is read before the response starts, so its errors still have their own status.
    first = _lines(await anext(pages))
    return StreamedResponse(_rendered(first, pages), NDJSON.encode(), [_ATTACHMENT, _NO_STORE])


async def _rendered(
    first: bytes, pages: AsyncIterator[Sequence[ExportItem]]
) -> AsyncIterator[bytes]:
    yield first
    # The deadline applies to each page, because a client may take any time to receive the others.
    _renew_deadline()
    async for page in pages:
        yield _lines(page)
        _renew_deadline()


def _renew_deadline() -> None:
    storage_deadline.set(asyncio.get_running_loop().time() + STORAGE_DEADLINE_SECONDS)


def _lines(page: Sequence[ExportItem]) -> bytes:
    return b"".join(map(_line, page))


def _line(item: ExportItem) -> bytes:
    if isinstance(item, ExportedOrder):
        return _order_lines(item)
    return msgspec.json.encode(_shown(item)) + b"\n"


def _shown(item: Account | OutsideIdentity | Session | ExportEnd) -> msgspec.Struct:
    match item:
        case Account():
            return schemas.AccountLine(item.id, item.email, item.role, item.created_at)
        case OutsideIdentity():
            return schemas.IdentityLine(item.issuer, item.subject)
        case Session():
            return schemas.SessionLine(
                item.id,
                item.created_at,
                item.last_used_at,
                item.expires_at,
                item.address,
                item.user_agent,
            )
        case ExportEnd():
            return schemas.EndLine(item.sessions, item.orders)


def _order_lines(order: ExportedOrder) -> bytes:
    document = b'{"type":"order",' + order.document.body.removeprefix(b"{") + b"\n"
    return document + b"".join(_step_line(order, step) for step in order.steps)


def _step_line(order: ExportedOrder, step: Step) -> bytes:
    actor = schemas.HistoryActor(step.by.kind, step.by.id)
    line = schemas.HistoryLine(
        order.id, step.version, step.before, step.after, actor, step.reason, step.at
    )
    return msgspec.json.encode(line) + b"\n"


ROUTES = Routes("Accounts", (export_account,))
