"""The route for registration."""

from http import HTTPStatus

import msgspec
from dishka import FromDishka
from litestar import Response, post

from application.accounts.password_policy import PasswordPolicy
from application.accounts.register import RegisterUser, Registration
from application.ports.accounts import EmailAddresses
from domain.account import Account
from domain.errors import EmailTaken
from entrypoints.http.guards import open_to_all
from entrypoints.http.messages import schemas
from entrypoints.http.messages.body import read_json
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.observability.log_secrets import keep_out_of_logs

_SECRET = {"Cache-Control": "no-store"}


@post("/register", before_request=open_to_all(lambda settings: settings.rate_limit_register))
@operation(
    body=Body(schemas.RegistrationSchema, examples.REGISTRATIONS),
    answers=(
        Answer(
            201,
            "The new account.",
            schemas.AccountSchema,
            {"ada": examples.ACCOUNT},
            ("Cache-Control",),
        ),
    ),
    errors=(EmailTaken(), examples.BAD_REGISTRATION, examples.COMMON_PASSWORD),
    changes=True,
)
async def register(
    request: ApiRequest,
    addresses: FromDishka[EmailAddresses],
    policy: FromDishka[PasswordPolicy],
    register_user: FromDishka[RegisterUser],
) -> Response[bytes]:
    """Create an account."""
    parsed = await read_json(request, schemas.RegistrationSchema)
    keep_out_of_logs(str(parsed.body.password))
    errors = parsed.errors
    email = errors.parse(addresses.parse, parsed.body.email, "email")
    password = errors.parse(
        lambda value: policy.parse(value, email), parsed.body.password, "password"
    )
    account = await register_user(Registration(errors.require(email), errors.require(password)))
    return account_response(account, HTTPStatus.CREATED)


def account_response(account: Account, status: HTTPStatus) -> Response[bytes]:
    """Return a response with an account."""
    body = msgspec.json.encode(
        schemas.AccountSchema(account.id, account.email, account.role, account.created_at)
    )
    return Response(body, status_code=status, headers=_SECRET, media_type="application/json")


ROUTES = Routes("Accounts", (register,))
