"""The routes for your own account: change its password, export it, and erase it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from dishka import FromDishka
from litestar import delete, get, post

from application.accounts.caller import Caller
from application.accounts.change_password import ChangePassword, PasswordChange
from application.accounts.close_account import AccountClosure
from application.accounts.erase_account import EraseAccount
from application.accounts.export_account import ExportAccount, ExportEnd, ExportItem
from application.accounts.password_policy import PasswordPolicy
from application.errors import ConcurrentUpdate, InsufficientScope, WrongPassword
from application.ports.accounts import EmailAddresses
from application.ports.export import ExportedOrder
from application.ports.sessions import Session
from domain.account import Account, parse_password
from domain.order.history import Step
from entrypoints.http.guards import address_of, for_users
from entrypoints.http.messages import schemas
from entrypoints.http.messages.body import read_json
from entrypoints.http.messages.query import refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import NDJSON, Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.raw_response import RawResponse
from entrypoints.http.responses.streamed_response import StreamedResponse
from entrypoints.observability.log_secrets import keep_out_of_logs
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS, storage_deadline

_NO_STORE = (b"cache-control", b"no-store")
_ATTACHMENT = (b"content-disposition", b'attachment; filename="export.ndjson"')


@post("/me/password", before_request=for_users())
@operation(
    description=(
        "All other sessions of the account end. A wrong current password counts as a failed login."
    ),
    body=Body(schemas.PasswordChangeSchema, examples.PASSWORD_CHANGES),
    answers=(Answer(204, "The password has been changed.", headers=("Cache-Control",)),),
    errors=(
        WrongPassword(),
        examples.BAD_PASSWORD_CHANGE,
        examples.COMMON_NEW_PASSWORD,
        ConcurrentUpdate(),
    ),
    changes=True,
)
async def change_password(
    request: ApiRequest,
    addresses: FromDishka[EmailAddresses],
    policy: FromDishka[PasswordPolicy],
    change: FromDishka[ChangePassword],
) -> RawResponse:
    """Change your password."""
    parsed = await read_json(request, schemas.PasswordChangeSchema)
    keep_out_of_logs(str(parsed.body.current_password), str(parsed.body.new_password))
    account, errors = _account_of(request.user), parsed.errors
    email = addresses.of(account.email)
    current = errors.parse(_parse_current, parsed.body.current_password, "current_password")
    new = errors.parse(
        lambda value: policy.parse(value, email), parsed.body.new_password, "new_password"
    )
    await change(
        PasswordChange(
            account,
            request.user.session_id,
            errors.require(current),
            errors.require(new),
            address_of(request),
        )
    )
    return RawResponse.without_body(204, [_NO_STORE])


@delete("/me", before_request=for_users())
@operation(
    description=(
        "Closes your account for good: your address is free again, all tokens end, and your"
        " personal data is erased. Your orders keep their items, prices, status and times, but lose"
        " their references, the attributes of their items, and your reasons. If you have very many"
        " orders, this continues for a while after the response."
    ),
    body=Body(schemas.AccountClosureSchema, examples.ACCOUNT_CLOSURES),
    answers=(Answer(204, "The account is closed.", headers=("Cache-Control",)),),
    errors=(WrongPassword(), examples.BAD_ACCOUNT_CLOSURE, ConcurrentUpdate()),
    changes=True,
)
async def erase_account(request: ApiRequest, erase: FromDishka[EraseAccount]) -> RawResponse:
    """Close your account and erase your personal data."""
    parsed = await read_json(request, schemas.AccountClosureSchema)
    keep_out_of_logs(str(parsed.body.password))
    password = parsed.errors.parse(_parse_current, parsed.body.password, "password")
    account = _account_of(request.user)
    await erase(AccountClosure(account, parsed.errors.require(password), address_of(request)))
    return RawResponse.without_body(204, [_NO_STORE])


@get("/me/export", before_request=for_users())
@operation(
    description=(
        "One JSON object per line (NDJSON), with its kind in `type`: `account`, then each"
        " `session`, then each `order` as the API shows it, followed by each step of its `history`,"
        " and finally `end` with the numbers of sessions and orders. An export without `end` is"
        " incomplete: request it again. Each order and its history are from the same moment, but"
        " different orders are not."
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


def _shown(item: Account | Session | ExportEnd) -> msgspec.Struct:
    match item:
        case Account():
            return schemas.AccountLine(item.id, item.email, item.role, item.created_at)
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


def _account_of(caller: Caller) -> Account:
    if caller.account is None:
        raise InsufficientScope
    return caller.account


def _parse_current(value: object) -> str:
    """Check a password that may be stored in another form. Return it as it was sent."""
    parse_password(value, minimum=1)
    return str(value)


ROUTES = Routes("Accounts", (change_password, erase_account, export_account))
