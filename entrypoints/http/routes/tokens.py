"""The token routes: get tokens for a password, a refresh token or a client secret; revoke them."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from dishka import FromDishka
from litestar import Response, post

from application.accounts.log_in import LogIn
from application.accounts.password_check import Credentials
from application.accounts.refresh_session import RefreshSession
from application.accounts.revoke_token import RevokeToken
from application.accounts.session_tokens import SessionTokens
from application.clients.issue_client_token import IssueClientToken
from application.errors import InvalidClient, InvalidCredentials, InvalidRefreshToken
from application.ports.accounts import EmailAddresses
from domain.account import MAX_EMAIL, parse_password
from domain.errors import Invalid
from domain.validation import parse_text
from entrypoints.http.device import device_of
from entrypoints.http.errors import InvalidTokenRequest, PasswordGrantClosed, RepeatedHeader
from entrypoints.http.guards import address_of, open_to_all
from entrypoints.http.messages import schemas
from entrypoints.http.messages.form import read_form
from entrypoints.http.messages.query import QueryErrors, check_query
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import FORM, Answer, Body, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.raw_response import RawResponse
from entrypoints.http.routes import client_token
from entrypoints.observability.log_secrets import keep_out_of_logs
from entrypoints.settings import Settings

_SECRET = {"Cache-Control": "no-store"}
#: The parameters in RFC 6749. Unknown ones are ignored (section 3.2).
_FORM_PARAMETERS = (
    *("grant_type", "username", "password", "scope"),
    *("client_id", "client_secret", "refresh_token"),
)
_GRANT_TYPES = "Must be password, refresh_token or client_credentials."
_REVOCATION_PARAMETERS = ("token", "token_type_hint", "client_id", "client_secret")


@post("/token", before_request=open_to_all())
@operation(
    description=(
        "With `grant_type=password` (or without it), log in with `username` and `password`. With"
        " `grant_type=refresh_token`, exchange a `refresh_token` for new tokens (RFC 6749, section"
        " 6). Each refresh token can only be used once. If it is used again later, its session"
        " ends, because it may have been stolen. A client that has lost the response may repeat the"
        " request within 10 s.\n\nWith `grant_type=client_credentials`, a machine client gets an"
        " access token for its id and secret (RFC 6749, section 4.4). They are either in the form"
        " or in a Basic header, percent-encoded. The token has the requested `scope`, or all scopes"
        " of the client.\n\nUnknown fields of the form are ignored. With the other grant types,"
        " `client_id` and the Basic header are too."
    ),
    body=Body(schemas.TokenForm, examples.TOKEN_FORMS, FORM),
    answers=(
        Answer(
            200,
            "An access token, which you send as `Authorization: Bearer ...`. Accounts also get a"
            " refresh token.",
            schemas.Token,
            {"token": examples.TOKEN, "client": examples.CLIENT_TOKEN},
            ("Cache-Control",),
        ),
    ),
    errors=(
        InvalidCredentials(),
        InvalidRefreshToken(),
        InvalidClient(),
        examples.UNKNOWN_SCOPE,
        RepeatedHeader("Authorization"),
        examples.BAD_TOKEN_FORM,
        PasswordGrantClosed(),
        examples.UNESCAPED_PLUS,
        examples.REPEATED_PARAMETER,
    ),
)
async def log_in(
    request: ApiRequest,
    addresses: FromDishka[EmailAddresses],
    log_in_with: FromDishka[LogIn],
    refresh: FromDishka[RefreshSession],
    issue_to_client: FromDishka[IssueClientToken],
    settings: FromDishka[Settings],
) -> Response[bytes]:
    """Get tokens for a password, a refresh token or a client secret (RFC 6749)."""
    form = await read_form(request, _FORM_PARAMETERS)
    device = device_of(request)
    grant_type = form.get("grant_type")
    if grant_type == client_token.GRANT_TYPE:
        _refuse_query(request)
        return _token(await client_token.issue_client_token(request, form, issue_to_client))
    if grant_type == "refresh_token":
        tokens = await refresh(_required(request, form, "refresh_token"), device)
    else:
        credentials = _credentials(request, form, addresses)
        if not settings.password_grant:
            raise PasswordGrantClosed
        tokens = await log_in_with(credentials, device.user_agent)
    return _tokens(tokens)


@post("/token/revoke", before_request=open_to_all())
@operation(
    description=(
        "Holding a token is enough to revoke it (RFC 7009). A refresh token's session ends, with"
        " all of its tokens. Other processes follow within 2 s. The response is the same for a"
        " token that is not valid."
    ),
    body=Body(schemas.RevocationForm, examples.REVOCATION_FORMS, FORM),
    answers=(Answer(200, "The token is not valid any more.", headers=("Cache-Control",)),),
    errors=(examples.BAD_REVOCATION_FORM, examples.REPEATED_PARAMETER),
    changes=True,
)
async def revoke_token(request: ApiRequest, revoke: FromDishka[RevokeToken]) -> RawResponse:
    """Revoke an access token or a refresh token."""
    form = await read_form(request, _REVOCATION_PARAMETERS)
    await revoke(_required(request, form, "token"), address_of(request))
    headers = ((b"cache-control", b"no-store"), (b"content-length", b"0"))
    return RawResponse.without_body(HTTPStatus.OK, headers)


def _tokens(tokens: SessionTokens) -> Response[bytes]:
    access = tokens.access
    return _token(
        schemas.Token(access.text, "bearer", access.expires_in, refresh_token=tokens.refresh.text)
    )


def _token(answer: schemas.Token) -> Response[bytes]:
    return Response(
        msgspec.json.encode(answer), status_code=200, headers=_SECRET, media_type="application/json"
    )


def _refuse_query(request: ApiRequest) -> None:
    errors = QueryErrors()
    check_query(request, errors)
    _raise_if_any(errors)


def _required(request: ApiRequest, form: Mapping[str, str], name: str) -> str:
    """Return a parameter of the form that is a secret.

    Raises:
        InvalidTokenRequest: it is missing, or the request has a query.
    """
    errors = QueryErrors()
    check_query(request, errors)
    text = form.get(name, "")
    keep_out_of_logs(text)
    errors.parse(_ensure_given, text, name)
    _raise_if_any(errors)
    return text


def _credentials(
    request: ApiRequest, form: Mapping[str, str], addresses: EmailAddresses
) -> Credentials:
    errors = QueryErrors()
    check_query(request, errors)
    if form.get("grant_type") not in {None, "password"}:
        errors.add("unknown-grant-type", _GRANT_TYPES, "grant_type")
    username = errors.parse(_parse_username, form.get("username", ""), "username")
    password = form.get("password", "")
    keep_out_of_logs(password)
    errors.parse(_parse_given_password, password, "password")
    _raise_if_any(errors)
    return Credentials(addresses.of(errors.require(username)), password, address_of(request))


def _raise_if_any(errors: QueryErrors) -> None:
    try:
        errors.raise_if_any()
    except Invalid as invalid:
        raise InvalidTokenRequest(invalid.errors) from None


def _parse_username(value: object) -> str:
    username = str(value).strip()
    _ensure_given(username)
    if any(character.isspace() for character in username):
        raise Invalid.value(
            "space-in-username", 'An address cannot contain a space. In a form, send "+" as "%2B".'
        )
    return parse_text(username, 1, MAX_EMAIL)


def _parse_given_password(value: object) -> str:
    _ensure_given(value)
    return parse_password(value, minimum=1)


def _ensure_given(value: object) -> None:
    if not value:
        raise Invalid.value("missing", "Must be given.")


ROUTES = Routes("Accounts", (log_in, revoke_token))
