"""The client credentials grant, which is a part of the token route (RFC 6749, section 4.4)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from application.clients.issue_client_token import ClientCredentials, ClientToken, IssueClientToken
from application.errors import InvalidClient
from domain.client import parse_client_id
from domain.ids import ClientId
from entrypoints.http.errors import InvalidTokenRequest, ParameterError
from entrypoints.http.guards import address_of
from entrypoints.http.messages import schemas
from entrypoints.http.messages.basic_credentials import basic_credentials
from entrypoints.http.messages.request import ApiRequest
from entrypoints.observability.log_secrets import keep_out_of_logs

GRANT_TYPE: Final = "client_credentials"
#: Stands for every id that is not a UUID, so that these take as long as unknown ones.
_UNKNOWN_CLIENT: Final = ClientId(UUID(int=0))


async def issue_client_token(
    request: ApiRequest, form: Mapping[str, str], issue: IssueClientToken
) -> schemas.Token:
    """Return a token for the client id and the secret in the form or in the Basic header.

    Raises:
        InvalidClient: the credentials are missing or wrong.
        InvalidTokenRequest: the credentials are ill-formed, or in both places.
        InvalidScope, RateLimited, RepeatedHeader: see `IssueClientToken` and `basic_credentials`.
    """
    client_id, secret = _credentials(form, basic_credentials(request))
    keep_out_of_logs(secret)
    credentials = ClientCredentials(
        client_id=parse_client_id(client_id) or _UNKNOWN_CLIENT,
        secret=secret,
        scopes=frozenset(form["scope"].split()) if "scope" in form else None,
        address=address_of(request),
    )
    return _token(await issue(credentials))


def _credentials(form: Mapping[str, str], basic: tuple[str, str] | None) -> tuple[str, str]:
    """Return the client id and the secret, which can only be in one place (section 2.3).

    Many libraries repeat the client id in the form, which is fine.
    """
    if basic is None:
        basic = form.get("client_id", ""), form.get("client_secret", "")
    elif "client_secret" in form or form.get("client_id", basic[0]) != basic[0]:
        detail = "Must be either in the form or in the Authorization header, but not in both."
        name = "client_secret" if "client_secret" in form else "client_id"
        raise InvalidTokenRequest([ParameterError((name,), "two-credentials", detail)])
    if not all(basic):
        raise InvalidClient
    return basic


def _token(token: ClientToken) -> schemas.Token:
    scope = " ".join(sorted(token.scopes))
    return schemas.Token(token.access.text, "bearer", token.access.expires_in, scope=scope)
