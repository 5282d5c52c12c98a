"""The headers of answers, as OpenAPI describes them; the table of operations names them."""

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
        "The request's id: your own, or one that was made up.",
        "01937f5c-order-web",
        schema={"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    ),
    "X-Content-Type-Options": _header(
        "The content is what its type says.",
        "nosniff",
        schema={"type": "string", "const": "nosniff"},
    ),
    "Cache-Control": _header("Who may keep the answer, and for how long.", "private, no-cache"),
    "Content-Security-Policy": _header(
        "The page loads nothing from anywhere else.", "default-src 'none'; script-src 'self'"
    ),
    "Referrer-Policy": _header("Links tell nobody where they were followed.", "no-referrer"),
    "RateLimit-Limit": _header(
        "How often you may ask: the limit that this request was counted against.",
        60,
        always=False,
        schema={"type": "integer", "minimum": 1},
    ),
    "RateLimit-Remaining": _header(
        "How often you may still ask.", 59, always=False, schema=_SECONDS
    ),
    "RateLimit-Reset": _header(
        "Seconds until all of the limit is left again.", 1, always=False, schema=_SECONDS
    ),
    "RateLimit-Policy": _header(
        "The limit's name, how many requests it allows (`q`), and in how many seconds (`w`).",
        '"orders";q=60;w=60',
        always=False,
    ),
    "RateLimit": _header(
        "The limit's name, how many requests are left (`r`), and the seconds until all of them are"
        " left again (`t`).",
        '"orders";r=59;t=1',
        always=False,
    ),
    "Retry-After": _header("Seconds after which to ask again.", 1, schema=_SECONDS),
    "WWW-Authenticate": _header(
        "How to authenticate (RFC 6750). `error` is `invalid_token` for a token that expired or is"
        " not valid; without a token there is none.",
        'Bearer error="invalid_token", error_description="The access token has expired"',
    ),
    "Allow": _header("The methods that the address knows.", "GET, HEAD, OPTIONS"),
    "Accept-Encoding": _header(
        "The codings of a body that the address reads (RFC 9110, section 12.5.3).", "identity"
    ),
    "Location": _header(
        "The new order's address.", "/orders/019aa1f0-6c00-7c3e-9d1a-5b7c4e2f8a01/"
    ),
    "Location.docs": _header("The documentation.", "/docs"),
    "ETag.document": _header("The document's tag. Send it as `If-None-Match`.", '"5ed08757e53d"'),
    "Vary": _header("The headers of the request that decide about the answer.", "Accept"),
    "Content-Encoding": _header(
        "`gzip` if `Accept-Encoding` allows it.",
        "gzip",
        always=False,
        schema={"type": "string", "const": "gzip"},
    ),
    "ETag": _header(
        "The order's tag: its version, with a `p` once it is processed. Send it as `If-Match`"
        " to change just this version, as `If-None-Match` to read only what is new.",
        '"v1"',
        schema={"type": "string", "pattern": '^"v[1-9][0-9]*p?"$'},
    ),
    "X-Cache": _header(
        "Where the order came from: the cache, the database, or past a cache that is out of reach.",
        "HIT",
        schema={"type": "string", "enum": ["HIT", "MISS", "BYPASS"]},
    ),
    "Link": _header(
        "The next page (RFC 8288), while there is one: a relative reference.",
        '</orders/?limit=50&cursor=AZqh8GwAfD6dGlt8Ti-KAS1wYWdlLWN1cnNvci1zZWFs>; rel="next"',
        always=False,
    ),
}

#: What every answer has.
COMMON: Final = ("X-Request-Id", "X-Content-Type-Options")
#: What the answers of a limited route have, where the limit is on.
LIMITED: Final = (
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "RateLimit-Policy",
    "RateLimit",
)
#: What every refusal has.
OF_REFUSALS: Final = ("Cache-Control",)
#: What a refusal with this status has besides.
OF_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
