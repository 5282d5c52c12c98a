"""The routes of accounts."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from litestar import Response, Router, get, post

from application.log_in import Credentials
from application.register_user import Registration
from domain.errors import Invalid
from domain.text import read_text
from domain.user import MAX_EMAIL, MAX_PASSWORD, User, normal_email, read_email, read_password
from entrypoints.http import shapes
from entrypoints.http.access import address_of, for_users, open_to_all
from entrypoints.http.bodies import read_form, read_json
from entrypoints.http.errors import InvalidTokenRequest, ParameterFault
from entrypoints.http.options import with_options
from entrypoints.http.request import ApiRequest
from entrypoints.log_secrets import keep_out_of_logs

_SECRET = {"Cache-Control": "no-store"}


@post("/register", before_request=open_to_all(lambda limits: limits.register))
async def register(request: ApiRequest) -> Response[bytes]:
    """Open an account."""
    draft = await read_json(request, shapes.Registration)
    keep_out_of_logs(str(draft.body.password))
    faults = draft.faults
    email = faults.read(read_email, draft.body.email, "email")
    password = faults.read(read_password, draft.body.password, "password")
    user = await request.services.register(
        Registration(faults.sound(email), faults.sound(password))
    )
    return _account(user, HTTPStatus.CREATED)


@post("/token", before_request=open_to_all())
async def log_in(request: ApiRequest) -> Response[bytes]:
    """Trade an e-mail address and a password for an access token (RFC 6749, section 4.3)."""
    credentials = _credentials(await read_form(request), address_of(request))
    token = await request.services.log_in(credentials)
    answer = shapes.Token(token.text, "bearer", token.expires_in)
    return Response(
        msgspec.json.encode(answer), status_code=200, headers=_SECRET, media_type="application/json"
    )


@get("/me", before_request=for_users())
async def read_account(request: ApiRequest) -> Response[bytes]:
    """Read your account."""
    user = await request.services.read_account(request.user.id)
    return _account(user, HTTPStatus.OK)


def _credentials(form: Mapping[str, str], address: str) -> Credentials:
    faults = []
    # What is sent without a value counts as left out (RFC 6749, section 3.2).
    if form.get("grant_type") not in {None, "", "password"}:
        faults.append(ParameterFault(("grant_type",), "unknown-grant-type", "Must be password."))
    texts = []
    for name, longest in (("username", MAX_EMAIL), ("password", MAX_PASSWORD)):
        if not form.get(name):
            faults.append(ParameterFault((name,), "missing", "Must be given."))
            continue
        try:
            texts.append(read_text(form[name], 1, longest))
        except Invalid as invalid:
            faults += [ParameterFault((name,), each.code, each.detail) for each in invalid.faults]
    if faults:
        raise InvalidTokenRequest(faults)
    keep_out_of_logs(texts[1])
    return Credentials(normal_email(texts[0]), texts[1], address)


def _account(user: User, status: HTTPStatus) -> Response[bytes]:
    body = msgspec.json.encode(shapes.Account(user.id, user.email, user.role, user.created_at))
    return Response(body, status_code=status, headers=_SECRET, media_type="application/json")


routes = Router("/", route_handlers=with_options(register, log_in, read_account), tags=["Accounts"])
