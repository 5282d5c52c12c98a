"""OpenAPI descriptions of response headers. Contracts refer to them by name."""

from collections.abc import Mapping
from typing import Any, Final

_SECONDS: Final = {"type": "integer", "minimum": 0}


def _header(
    description: str,
    example: object,
    *,
    always: bool = True,
    schema: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "description": description,
        "required": always,
        "schema": schema or {"type": "string"},
        "example": example,
    }


HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "X-Request-Id": _header(
        "The id of the request: your own, or a generated one.",
        "01937f5c-order-web",
        schema={"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    ),
    "X-Content-Type-Options": _header(
        "Forbids content sniffing.",
        "nosniff",
        schema={"type": "string", "const": "nosniff"},
    ),
    "Cache-Control": _header(
        "Which caches may store the response, and for how long.", "private, no-cache"
    ),
    "Content-Security-Policy": _header(
        "Restricts what a browser loads if it shows the response, and forbids frames.",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    "Referrer-Policy": _header("Stops links from sending a `Referer`.", "no-referrer"),
    "RateLimit-Limit": _header(
        "The number of requests that the limit allows.",
        60,
        always=False,
        schema={"type": "integer", "minimum": 1},
    ),
    "RateLimit-Remaining": _header(
        "The number of requests left.", 59, always=False, schema=_SECONDS
    ),
    "RateLimit-Reset": _header(
        "Seconds until the limit is completely restored.", 1, always=False, schema=_SECONDS
    ),
    "RateLimit-Policy": _header(
        "The name of the limit, the number of requests (`q`), and the window in seconds (`w`).",
        '"orders";q=60;w=60',
        always=False,
    ),
    "RateLimit": _header(
        "The name of the limit, the number of requests left (`r`), and the seconds until it is"
        " completely restored (`t`).",
        '"orders";r=59;t=1',
        always=False,
    ),
    "Retry-After": _header("Seconds to wait before trying again.", 1, schema=_SECONDS),
    "WWW-Authenticate": _header(
        "How to authenticate (RFC 6750). `error` is `invalid_token` if the token has expired or is"
        " not valid. It is absent if the request has no token.",
        'Bearer error="invalid_token", error_description="The access token has expired"',
    ),
    "WWW-Authenticate.scope": _header(
        "Only if the access token does not have the right scope (RFC 6750).",
        'Bearer error="insufficient_scope", scope="orders:status"',
        always=False,
    ),
    "Retry-After.conflict": _header(
        "Only if the conflict ends by itself: seconds to wait before trying again.",
        1,
        schema=_SECONDS,
        always=False,
    ),
    "Allow": _header("The methods that the path supports.", "GET, HEAD, OPTIONS"),
    "Accept-Encoding": _header(
        "The content codings that the path accepts (RFC 9110, section 12.5.3).", "identity"
    ),
    "Location": _header(
        "The URL of the new order.", "/orders/019aa1f0-6c00-7c3e-9d1a-5b7c4e2f8a01/"
    ),
    "Idempotent-Replayed": _header(
        "Only if this is the first response to the idempotency key again.", "true", always=False
    ),
    "Content-Disposition": _header(
        "Suggests a file name (RFC 6266).", 'attachment; filename="export.ndjson"'
    ),
    "Location.docs": _header("The URL of the documentation.", "/docs"),
    "ETag.document": _header(
        "The tag of the document. Send it as `If-None-Match`.", '"5ed08757e53d"'
    ),
    "Vary": _header("The request headers that the response depends on.", "Accept"),
    "Content-Encoding": _header(
        "`gzip` if `Accept-Encoding` allows it.",
        "gzip",
        always=False,
        schema={"type": "string", "const": "gzip"},
    ),
    "ETag": _header(
        "The tag of the order: its version, followed by `p` if it is processed. Send it as"
        " `If-Match` to change only this version, or as `If-None-Match` to read only a newer one.",
        '"v1"',
        schema={"type": "string", "pattern": '^"v[1-9][0-9]*p?"$'},
    ),
    "X-Cache": _header(
        "`HIT`: read from the cache. `MISS`: read from the database. `BYPASS`: read from the"
        " database, because the cache is unreachable.",
        "HIT",
        schema={"type": "string", "enum": ["HIT", "MISS", "BYPASS"]},
    ),
    "Link": _header(
        "The next page as a relative reference (RFC 8288), if there is one.",
        '</orders/?limit=50&cursor=AZqh8GwAfD6dGlt8Ti-KAS1wYWdlLWN1cnNvci1zZWFs>; rel="next"',
        always=False,
    ),
}

#: Headers that every response has.
COMMON: Final = ("X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy")
#: Headers that a limited route's responses have, unless the limit is turned off.
LIMITED: Final = (
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "RateLimit-Policy",
    "RateLimit",
)
#: Headers that every problem has.
OF_REFUSALS: Final = ("Cache-Control",)
#: Additional headers of problems by status.
OF_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate.scope",),
    405: ("Allow",),
    409: ("Retry-After.conflict",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
