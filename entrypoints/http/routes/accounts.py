"""The account routes: register, log in and read your account."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from dishka import FromDishka
from litestar import Response, get, post

from application.accounts.log_in import LogIn
from application.accounts.password_check import Credentials
from application.accounts.read_account import ReadAccount
from application.accounts.register import RegisterUser, Registration
from application.errors import InvalidCredentials
from application.ports.accounts import EmailAddresses
from domain.account import MAX_EMAIL, Account, parse_password
from domain.errors import EmailTaken, Invalid
from domain.validation import parse_text
from entrypoints.http.errors import InvalidTokenRequest
from entrypoints.http.guards import address_of, for_users, open_to_all
from entrypoints.http.messages import schemas
from entrypoints.http.messages.body import read_json
from entrypoints.http.messages.form import read_form
from entrypoints.http.messages.query import QueryErrors, check_query, refuse_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import FORM, Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.observability.log_secrets import keep_out_of_logs

_SECRET = {"Cache-Control": "no-store"}
#: The parameters in RFC 6749. Unknown ones are ignored (section 3.2).
_FORM_PARAMETERS = (
    *("grant_type", "username", "password", "scope"),
    *("client_id", "client_secret", "refresh_token"),
)


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
    errors=(EmailTaken(), examples.BAD_REGISTRATION),
    changes=True,
)
async def register(
    request: ApiRequest,
    addresses: FromDishka[EmailAddresses],
    register_user: FromDishka[RegisterUser],
) -> Response[bytes]:
    """Create an account."""
    parsed = await read_json(request, schemas.RegistrationSchema)
    keep_out_of_logs(str(parsed.body.password))
    errors = parsed.errors
    email = errors.parse(addresses.parse, parsed.body.email, "email")
    password = errors.parse(parse_password, parsed.body.password, "password")
    account = await register_user(Registration(errors.require(email), errors.require(password)))
    return _account(account, HTTPStatus.CREATED)


@post("/token", before_request=open_to_all())
@operation(
    description=(
        "Unknown fields of the form are ignored, and so are `client_id` and an empty Basic header."
    ),
    body=Body(schemas.TokenForm, examples.TOKEN_FORMS, FORM),
    answers=(
        Answer(
            200,
            "An access token. Send it as `Authorization: Bearer ...`.",
            schemas.Token,
            {"token": examples.TOKEN},
            ("Cache-Control",),
        ),
    ),
    errors=(
        InvalidCredentials(),
        examples.BAD_TOKEN_FORM,
        examples.UNESCAPED_PLUS,
        examples.REPEATED_PARAMETER,
    ),
)
async def log_in(
    request: ApiRequest, addresses: FromDishka[EmailAddresses], issue_token: FromDishka[LogIn]
) -> Response[bytes]:
    """Get an access token for an e-mail address and a password (RFC 6749, section 4.3)."""
    form = await read_form(request, _FORM_PARAMETERS)
    token = await issue_token(_credentials(request, form, addresses))
    answer = schemas.Token(token.text, "bearer", token.expires_in)
    return Response(
        msgspec.json.encode(answer), status_code=200, headers=_SECRET, media_type="application/json"
    )


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
    account = await read(request.user.id)
    return _account(account, HTTPStatus.OK)


def _credentials(
    request: ApiRequest, form: Mapping[str, str], addresses: EmailAddresses
) -> Credentials:
    errors = QueryErrors()
    check_query(request, errors)
    if form.get("grant_type") not in {None, "password"}:
        errors.add("unknown-grant-type", "Must be password.", "grant_type")
    username = errors.parse(_parse_username, form.get("username", ""), "username")
    password = form.get("password", "")
    keep_out_of_logs(password)
    errors.parse(_parse_given_password, password, "password")
    try:
        address = addresses.of(errors.require(username))
    except Invalid as invalid:
        raise InvalidTokenRequest(invalid.errors) from None
    return Credentials(address, password, address_of(request))


def _parse_username(value: object) -> str:
    username = str(value).strip()
    _ensure_given(username)
    if any(character.isspace() for character in username):
        raise Invalid.value(
            "space-in-username", 'An address cannot contain a space. In a form, send "+" as "%2B".'
        )
    return parse_text(username, 1, MAX_EMAIL)


def _parse_given_password(value: object) -> str:
    _ensure_given(str(value))
    return parse_password(value, minimum=1)


def _ensure_given(text: str) -> None:
    if not text:
        raise Invalid.value("missing", "Must be given.")


def _account(account: Account, status: HTTPStatus) -> Response[bytes]:
    body = msgspec.json.encode(
        schemas.AccountSchema(account.id, account.email, account.role, account.created_at)
    )
    return Response(body, status_code=status, headers=_SECRET, media_type="application/json")


ROUTES = Routes("Accounts", (register, log_in, read_account))
