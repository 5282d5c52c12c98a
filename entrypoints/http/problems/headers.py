"""The headers of refusals, for the rows of the problem catalogue."""

from collections.abc import Callable, Mapping
from typing import Any

#: Makes the headers of a refusal from the error (of the row's class) and the row's title.
HeaderMaker = Callable[[Any, str], Mapping[str, str]]


def no_headers(_: object, __: str) -> Mapping[str, str]:
    """Return no headers."""
    return {}


def bearer(_: object, __: str) -> Mapping[str, str]:
    """Require a bearer token, without an error code: no token was sent (RFC 6750, section 3.1)."""
    return {"WWW-Authenticate": "Bearer"}


def invalid_token(_: object, title: str) -> Mapping[str, str]:
    """Require another bearer token (RFC 6750, section 3.1)."""
    return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{title}"'}


def identity_only(_: object, __: str) -> Mapping[str, str]:
    """Name the accepted content codings: none (RFC 9110, section 12.5.3)."""
    return {"Accept-Encoding": "identity"}


def allow(error: Any, _: str) -> Mapping[str, str]:
    """Name the methods of the path."""
    return {"Allow": error.allowed}


def retry_after(error: Any, _: str) -> Mapping[str, str]:
    """Name the seconds after which a retry makes sense."""
    return {"Retry-After": str(error.retry_after)}
