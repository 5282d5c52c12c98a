"""The routes for your own account: read it, change its password, and erase it."""

from http import HTTPStatus

from dishka import FromDishka
from litestar import Response, delete, get, post

from application.accounts.caller import Caller
from application.accounts.change_password import ChangePassword, PasswordChange
from application.accounts.close_account import AccountClosure
from application.accounts.erase_account import EraseAccount
from application.accounts.password_policy import PasswordPolicy
from application.accounts.read_account import ReadAccount
from application.errors import ConcurrentUpdate, InsufficientScope, WrongPassword
from application.ports.accounts import EmailAddresses
from domain.account import Account, parse_password
from entrypoints.http.guards import address_of, for_users
from entrypoints.http.messages import schemas
from entrypoints.http.messages.body import read_json
from entrypoints.http.messages.query import refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.raw_response import RawResponse
from entrypoints.http.routes.accounts import account_response
from entrypoints.observability.log_secrets import keep_out_of_logs

_NO_STORE = (b"cache-control", b"no-store")


@get("/me", before_request=for_users())
@operation(
    answers=(
        Answer(
            200,
            "Your account.",
            schemas.AccountSchema,
            {"ada": examples.ACCOUNT},
            ("Cache-Control",),
        ),
    ),
)
async def read_account(request: ApiRequest, read: FromDishka[ReadAccount]) -> Response[bytes]:
    """Read your account."""
    refuse_query(request)
    account = await read(request.user.user_id)
    return account_response(account, HTTPStatus.OK)


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
            request.user.session_id or request.user.outside_token_id,
            errors.require(current),
            errors.require(new),
            address_of(request),
        )
    )
    return RawResponse.without_body(204, [_NO_STORE])


@delete("/me", before_request=for_users(), status_code=200)
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


def _account_of(caller: Caller) -> Account:
    if caller.account is None:
        raise InsufficientScope
    return caller.account


def _parse_current(value: object) -> str:
    """Check a password that may be stored in another form. Return it as it was sent."""
    parse_password(value, minimum=1)
    return str(value)


ROUTES = Routes("Accounts", (read_account, change_password, erase_account))
