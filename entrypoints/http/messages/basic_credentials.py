"""Parse client credentials in the Basic scheme (RFC 6749, section 2.3.1, and RFC 7617)."""

import base64
from typing import Final
from urllib.parse import unquote_plus

from entrypoints.http.errors import HeaderError, InvalidTokenRequest
from entrypoints.http.messages.request import ApiRequest

_SCHEME: Final = "basic"


def basic_credentials(request: ApiRequest) -> tuple[str, str] | None:
    """Return the client id and the secret in the Authorization header, or None.

    Other schemes and empty credentials, which some OAuth libraries always send, count as none.

    Raises:
        InvalidTokenRequest: the credentials are ill-formed.
        RepeatedHeader: there is more than one Authorization header.
    """
    scheme, _, encoded = (request.header(b"authorization") or "").partition(" ")
    if scheme.lower() != _SCHEME:
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        client_id, separator, secret = decoded.partition(":")
        credentials = _unescaped(client_id), _unescaped(secret)
    except ValueError:  # of base64 or UTF-8
        raise _ill_formed() from None
    if decoded and not separator:
        raise _ill_formed()
    return credentials if any(credentials) else None


def _unescaped(text: str) -> str:
    return unquote_plus(text, errors="strict")


def _ill_formed() -> InvalidTokenRequest:
    detail = "Must be Basic with the base64 of `client_id:client_secret`, both percent-encoded."
    return InvalidTokenRequest([HeaderError(("Authorization",), "bad-credentials", detail)])
