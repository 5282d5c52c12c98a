"""The token route: log in."""

from collections.abc import Mapping

import msgspec
from dishka import FromDishka
from litestar import Response, post

from application.accounts.log_in import LogIn
from application.accounts.password_check import Credentials
from application.errors import InvalidCredentials
from application.ports.accounts import EmailAddresses
from domain.account import MAX_EMAIL, parse_password
from domain.errors import Invalid
from domain.validation import parse_text
from entrypoints.http.errors import InvalidTokenRequest
from entrypoints.http.guards import address_of, open_to_all
from entrypoints.http.messages import schemas
from entrypoints.http.messages.form import read_form
from entrypoints.http.messages.query import QueryErrors, check_query
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


ROUTES = Routes("Accounts", (log_in,))
