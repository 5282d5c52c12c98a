"""Headers of error responses, for the problem catalogue."""

from collections.abc import Callable, Mapping
from typing import Any

#: Makes a response's headers from the error (of the row's class) and the row's title.
HeaderMaker = Callable[[Any, str], Mapping[str, str]]


def no_headers(_: object, __: str) -> Mapping[str, str]:
    """Return an empty mapping."""
    return {}


def bearer(_: object, __: str) -> Mapping[str, str]:
    """Require a bearer token. There is no error code if none was sent (RFC 6750, section 3.1)."""
    return {"WWW-Authenticate": "Bearer"}


def invalid_token(_: object, title: str) -> Mapping[str, str]:
    """Require a different bearer token (RFC 6750, section 3.1)."""
    return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{title}"'}


def basic(_: object, __: str) -> Mapping[str, str]:
    """Require other client credentials (RFC 6749, section 5.2)."""
    return {"WWW-Authenticate": 'Basic realm="clients", charset="UTF-8"'}


def insufficient_scope(error: Any, title: str) -> Mapping[str, str]:
    """Require a token with another scope (RFC 6750, section 3.1)."""
    challenge = f'Bearer error="insufficient_scope", error_description="{title}"'
    return {"WWW-Authenticate": f'{challenge}, scope="{error.scope}"' if error.scope else challenge}


def identity_only(_: object, __: str) -> Mapping[str, str]:
    """Return the header for not accepting any content coding (RFC 9110, section 12.5.3)."""
    return {"Accept-Encoding": "identity"}


def allow(error: Any, _: str) -> Mapping[str, str]:
    """Return the methods that the path supports."""
    return {"Allow": error.allowed}


def retry_after(error: Any, _: str) -> Mapping[str, str]:
    """Return how many seconds to wait before retrying."""
    return {"Retry-After": str(error.retry_after)}
