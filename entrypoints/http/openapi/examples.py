"""Example accounts, orders and errors for the API documents."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from application.errors import InvalidScope
from domain.actor import ActorKind, Role
from domain.errors import (
    CommonPassword,
    FieldError,
    IllegalTransition,
    Invalid,
    TotalMismatch,
    VersionConflict,
)
from domain.order.status import OrderStatus
from entrypoints.http.errors import (
    BodyTooLarge,
    HeaderError,
    InvalidTokenRequest,
    MalformedBody,
    MalformedRequest,
    NotImplementedHere,
    ParameterError,
    RepeatedParameter,
    RequestHeadTooLarge,
    RequestTimeout,
    UnsupportedContentCoding,
    UnsupportedContentType,
    UnsupportedHttpVersion,
)
from entrypoints.http.messages.schemas import (
    AccountSchema,
    Health,
    HistoryActor,
    HistoryStep,
    JwkSet,
    OrderItem,
    OrderSchema,
    ProblemKind,
    PublicJwk,
    ReadinessSchema,
    SessionSchema,
    Token,
)

ADA: Final = UUID("019aa1ef-2a40-7b52-8f3c-0d1e2f3a4b5c")
ORDER_ID: Final = UUID("019aa1f0-6c00-7c3e-9d1a-5b7c4e2f8a01")
_PLACED: Final = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
_PAID: Final = _PLACED + timedelta(minutes=3)

ACCOUNT: Final = AccountSchema(ADA, "ada@example.com", Role.USER, _PLACED - timedelta(days=2))
_REFRESH_TOKEN: Final = "b2xkLWhhbmRsZS0wMTIzNGEtc2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtLTAx"  # noqa: S105
TOKEN: Final = Token(
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl", "bearer", 1800, _REFRESH_TOKEN
)
CLIENT_ID: Final = UUID("019aa1ef-5100-7a60-9e41-2f7d8c0b6a13")
_CLIENT_SECRET: Final = "c2VjcmV0LW9mLXRoaXJ0eS10d28tcmFuZG9tLWJ5dGU"  # noqa: S105
CLIENT_TOKEN: Final = Token(
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwYXkifQ.c2lnbmF0dXJl",
    "bearer",
    1800,
    scope="orders:read orders:status",
)
SESSION: Final = SessionSchema(
    id=UUID("019aa1ef-9000-7d11-b2c3-d4e5f60718a9"),
    created_at=_PLACED - timedelta(hours=3),
    last_used_at=_PLACED,
    expires_at=_PLACED + timedelta(days=30),
    address="192.0.2.7",
    user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    current=True,
)

JWK_SETS: Final[Mapping[str, Any]] = {
    "ed25519": JwkSet(
        [
            PublicJwk(  # the key from RFC 8037, appendix A
                kty="OKP",
                crv="Ed25519",
                x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                kid="kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                use="sig",
                alg="EdDSA",
            )
        ]
    ),
    "hmac": JwkSet([]),
}

PROBLEM_KIND: Final = ProblemKind(
    type="/problems/not-found",
    code="not-found",
    status=404,
    title="There is nothing at this address",
    meaning="The service does not have a page or an API route at this address.",
    remedy="Check the path. /docs lists every route.",
)

_LINES: Final = [
    OrderItem(3, product_id="tea-250", name="Green tea", price=9.95, attributes={"gift": True}),
    OrderItem(1, product_id="1207", name="Mug", price=12.49),
]
PENDING_ORDER: Final = OrderSchema(
    id=ORDER_ID,
    user_id=ADA,
    items=_LINES,
    total_price=42.34,
    currency="USD",
    status=OrderStatus.PENDING,
    next_statuses=list(OrderStatus.PENDING.next),
    version=1,
    created_at=_PLACED,
    updated_at=_PLACED,
    processed_at=None,
    reference="web-1042",
)
PAID_ORDER: Final = OrderSchema(
    id=ORDER_ID,
    user_id=ADA,
    items=_LINES,
    total_price=42.34,
    currency="USD",
    status=OrderStatus.PAID,
    next_statuses=list(OrderStatus.PAID.next),
    version=2,
    created_at=_PLACED,
    updated_at=_PAID,
    processed_at=_PLACED + timedelta(seconds=2),
    reference="web-1042",
)
HISTORY: Final = [
    HistoryStep(1, None, OrderStatus.PENDING, HistoryActor(ActorKind.USER, ADA), None, _PLACED),
    HistoryStep(
        2,
        OrderStatus.PENDING,
        OrderStatus.PAID,
        HistoryActor(ActorKind.USER, ADA),
        "card payment",
        _PAID,
    ),
]

HEALTHY: Final = Health("ok")
READY: Final = ReadinessSchema("ok", {"postgresql": "ok", "redis": "ok", "kafka": "ok"}, {})
DEGRADED: Final = ReadinessSchema(
    "degraded",
    {"postgresql": "ok", "redis": "down", "kafka": "ok"},
    {"redis": "REDIS_URL: Redis is full and refuses writes: raise maxmemory."},
)
DOWN: Final = ReadinessSchema(
    "down",
    {"postgresql": "down", "redis": "ok", "kafka": "ok"},
    {"postgresql": "DATABASE_URL: PostgreSQL does not answer: Connection refused"},
)
METRICS: Final = """\
# HELP orders_outbox_unpublished Unpublished events in the outbox; 10001 means more than 10000.
# TYPE orders_outbox_unpublished gauge
orders_outbox_unpublished 3.0
"""

#: Example request bodies by name.
NEW_ORDERS: Final[Mapping[str, Any]] = {
    "priced": {
        "items": [
            {"product_id": "tea-250", "name": "Green tea", "quantity": 3, "price": 9.95},
            {"product_id": 1207, "price": "12.49"},
        ],
        "total_price": 42.34,
    },
    "unpriced": {
        "items": [{"name": "Gift basket", "attributes": {"gift": True, "colour": "green"}}],
        "total_price": "19.99",
        "currency": "EUR",
    },
    "with-a-reference": {
        "items": [{"product_id": "tea-250"}],
        "total_price": 0,
        "reference": "web-1042",
    },
}
STATUS_CHANGES: Final[Mapping[str, Any]] = {
    "pay": {"status": "PAID", "reason": "card payment"},
    "cancel": {"status": "CANCELED"},
}
REGISTRATIONS: Final[Mapping[str, Any]] = {
    "ada": {"email": "ada@example.com", "password": "correct horse battery"}
}
PASSWORD_CHANGES: Final[Mapping[str, Any]] = {
    "change": {"current_password": "correct horse battery", "new_password": "purple tea and rain"}
}
ACCOUNT_CLOSURES: Final[Mapping[str, Any]] = {"close": {"password": "correct horse battery"}}
EXPORT: Final = """\
{"type":"account","id":"019aa1ef-2a40-7b52-8f3c-0d1e2f3a4b5c","email":"ada@example.com",\
"role":"user","created_at":"2026-01-29T12:00:00.250000Z"}
{"type":"end","sessions":0,"orders":0}
"""
TOKEN_FORMS: Final[Mapping[str, Any]] = {
    "password": {
        "grant_type": "password",
        "username": "ada@example.com",
        "password": "correct horse battery",
    },
    "refresh": {"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN},
    "client": {
        "grant_type": "client_credentials",
        "client_id": str(CLIENT_ID),
        "client_secret": _CLIENT_SECRET,
        "scope": "orders:read orders:status",
    },
}
REVOCATION_FORMS: Final[Mapping[str, Any]] = {"refresh": {"token": _REFRESH_TOKEN}}

BAD_BODY: Final = MalformedBody("JSON is malformed: expected ',' or ']' (byte 42).")
LARGE_BODY: Final = BodyTooLarge("A body may have at most 262144 bytes.")
NOT_JSON: Final = UnsupportedContentType("Send the body as application/json in UTF-8.")
NOT_A_FORM: Final = UnsupportedContentType(
    "Send the body as application/x-www-form-urlencoded in UTF-8."
)
CODED_BODY: Final = UnsupportedContentCoding("Send the body without a Content-Encoding.")
#: The HTTP server's errors, which happen before a request reaches a route.
REFUSED_BY_SERVER: Final = (
    MalformedRequest("A request needs exactly one Host header; this one has none."),
    RequestTimeout("The head of the request did not arrive in time."),
    RequestHeadTooLarge("The head of a request, including trailers, may have at most 64 KiB."),
    NotImplementedHere("The only transfer coding that this server supports is chunked."),
    UnsupportedHttpVersion("This server supports HTTP/1.1 and HTTP/1.0."),
)
BAD_REGISTRATION: Final = Invalid(
    [
        FieldError(("email",), "not-an-email", "Must be an e-mail address."),
        FieldError(("password",), "wrong-length", "Must have 8 to 128 characters, but has 5."),
    ]
)
COMMON_PASSWORD: Final = CommonPassword(
    [FieldError(("password",), CommonPassword.code, "Must not be a common password.")]
)
COMMON_NEW_PASSWORD: Final = CommonPassword(
    [FieldError(("new_password",), CommonPassword.code, "Must not be a common password.")]
)
BAD_PASSWORD_CHANGE: Final = Invalid(
    [
        FieldError(("new_password",), "wrong-length", "Must have 8 to 128 characters, but has 5."),
    ]
)
BAD_ACCOUNT_CLOSURE: Final = Invalid([FieldError(("password",), "missing", "Must be given.")])
BAD_TOKEN_FORM: Final = InvalidTokenRequest(
    [ParameterError(("username",), "missing", "Must be given.")]
)
UNKNOWN_SCOPE: Final = InvalidScope("The client has these scopes: orders:read.")
BAD_REVOCATION_FORM: Final = InvalidTokenRequest(
    [ParameterError(("token",), "missing", "Must be given.")]
)
UNESCAPED_PLUS: Final = InvalidTokenRequest(
    [
        ParameterError(
            ("username",),
            "space-in-username",
            'An address cannot contain a space. In a form, send "+" as "%2B".',
        )
    ]
)
REPEATED_PARAMETER: Final = RepeatedParameter(
    [ParameterError(("username",), "repeated-parameter", "Must not be repeated.")]
)
STRAY_PARAMETER: Final = Invalid(
    [
        ParameterError(
            ("status",),
            "unknown-parameter",
            "There is no such parameter; none are supported here.",
        )
    ]
)
BAD_ORDER: Final = Invalid(
    [
        FieldError(("items", 0, "quantity"), "out-of-range", "Must be between 1 and 10000."),
        FieldError(
            ("coupon",),
            "unknown-field",
            "There is no such field. Known fields: `items`, `total_price`, `currency`,"
            " `reference`.",
        ),
    ]
)
BAD_TOTAL: Final = TotalMismatch(
    [FieldError(("total_price",), TotalMismatch.code, "The lines add up to 42.34, not to 42.")]
)
BAD_CHANGE: Final = Invalid(
    [
        FieldError(
            ("status",), "unknown-status", "Must be one of PENDING, PAID, SHIPPED, CANCELED."
        ),
        HeaderError(("If-Match",), "bad-etag", 'Must be a list of tags like "v1", or *.'),
    ]
)
BAD_LIST: Final = Invalid(
    [
        ParameterError(
            ("stauts",),
            "unknown-parameter",
            "There is no such parameter; did you mean `status`?",
        ),
        ParameterError(("limit",), "out-of-range", "Must be a whole number from 1 to 200."),
    ]
)
STALE: Final = VersionConflict(2)
NO_WAY_BACK: Final = IllegalTransition(OrderStatus.PAID, OrderStatus.PENDING, OrderStatus.PAID.next)
