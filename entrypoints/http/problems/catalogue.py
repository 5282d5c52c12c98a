"""The problem catalogue: each problem code with its status, meaning and remedy.

The problem pages, `docs/errors.md` and the status of every refusal are made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from application.errors import (
    ConcurrentUpdate,
    InvalidCredentials,
    NoSuchAccount,
    NotAuthenticated,
    NotYourOrders,
    RateLimited,
    TokenExpired,
    TokenMissing,
    Unavailable,
)
from domain.errors import (
    EmailTaken,
    IllegalTransition,
    Invalid,
    OrderNotFound,
    OrderServiceError,
    ReferenceTaken,
    StatusForbidden,
    TotalMismatch,
    VersionConflict,
)
from domain.order.status import describe_lifecycle
from entrypoints.http.problems.errors import (
    BodyTooLarge,
    InternalError,
    MalformedBody,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchRoute,
    NotAlive,
    NotImplementedHere,
    PreflightRefused,
    RepeatedHeader,
    RepeatedParameter,
    RequestHeadTooLarge,
    RequestTimeout,
    UnsupportedContentCoding,
    UnsupportedContentType,
    UnsupportedHttpVersion,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One problem code. `error` gives the code and the title (RFC 9457, section 3.1.3)."""

    error: type[OrderServiceError]
    status: int
    meaning: str
    remedy: str

    @property
    def code(self) -> str:
        """The stable code, in kebab case: what a client may branch on."""
        return self.error.code

    @property
    def title(self) -> str:
        """The problem in a few words, the same for every occurrence."""
        return self.error.title()


#: One entry a code, in the order of their statuses. If two errors share a code, the more general
#: one has the entry.
CATALOGUE: Final = (
    Entry(
        MalformedBody,
        400,
        "The body could not be read at all: it is empty, or breaks the rules of JSON, of a form, or"
        " of UTF-8.",
        "Look at the place that the detail names, and send the body again.",
    ),
    Entry(
        MalformedRequest,
        400,
        "The bytes on the connection are no well-formed HTTP/1.1 request: a header that"
        " breaks the rules, no Host or several, contradicting lengths, or an end in the"
        " middle.",
        "Use an HTTP library. Behind a proxy, look at what it makes of the request.",
    ),
    Entry(
        RepeatedParameter,
        400,
        "A form may give each of its parameters once (RFC 6749, section 3.2).",
        "Send the form again with one value for each parameter that the errors name.",
    ),
    Entry(
        RepeatedHeader,
        400,
        "A header that is no list came on several lines, so that its value is ambiguous.",
        "Send the header that the detail names once; look at what a proxy adds.",
    ),
    Entry(
        InvalidCredentials,
        401,
        "No account has this address with this password. The answer does not say which of the two"
        " is wrong.",
        "Check both. After several failures you must wait, even with the right password.",
    ),
    Entry(
        NotAuthenticated,
        401,
        "The token is not one of this service's, was changed or revoked, or its account is"
        " disabled.",
        "Get a new one from POST /token/. If that is refused too, ask the operator whether the"
        " account is disabled.",
    ),
    Entry(
        TokenExpired,
        401,
        "The token was valid, and its time is over: the expires_in that came with it.",
        "Get a new one from POST /token/ and repeat the request.",
    ),
    Entry(
        TokenMissing,
        401,
        "The request has no Authorization header, or one of another scheme than Bearer.",
        "Get a token from POST /token/ and send it as: Authorization: Bearer TOKEN.",
    ),
    Entry(
        NotYourOrders,
        403,
        "You asked for another user's orders, or for those of an unknown user id.",
        "Ask for your own: GET /me/ returns your id.",
    ),
    Entry(
        StatusForbidden,
        403,
        "The service is set up so that owners may only cancel their orders.",
        "Ask staff to set the status.",
    ),
    Entry(
        PreflightRefused,
        403,
        "A page of another origin asked, by a CORS preflight, for what the service does not allow.",
        "Add the page's origin to the service's setting CORS_ORIGINS, or leave out the method or"
        " header that the detail names.",
    ),
    Entry(
        NoSuchAccount,
        404,
        "An operator named an account that does not exist.",
        "Check the address.",
    ),
    Entry(
        NoSuchRoute,
        404,
        "No page and no operation has this address.",
        "Check the path: /docs shows every one there is.",
    ),
    Entry(
        OrderNotFound,
        404,
        "No order has this id, or it belongs to another user: the two look alike on purpose.",
        "Check the id: GET /orders/ lists your orders.",
    ),
    Entry(
        MethodNotAllowed,
        405,
        "The address exists, but does nothing by this method.",
        "Use one of the methods that the answer's Allow header lists.",
    ),
    Entry(
        RequestTimeout,
        408,
        "The head of a request must arrive within 10 seconds, its body within 30 seconds.",
        "Send the request again on a new connection, without pauses.",
    ),
    Entry(
        EmailTaken,
        409,
        "An account has this address already. Addresses are compared without regard to case, and a"
        " domain is the same as its xn-- form.",
        "Log in with it, or register another one.",
    ),
    Entry(
        IllegalTransition,
        409,
        describe_lifecycle(),
        "Choose one of the problem's next_statuses; if there is none, the order is final.",
    ),
    Entry(
        ReferenceTaken,
        409,
        "References are unique among your orders: most likely this one was placed already.",
        "Look for it with GET /orders/?reference=..., or choose another reference.",
    ),
    Entry(
        VersionConflict,
        412,
        "No tag in If-Match is the order's current one: the order was changed after you read it, or"
        " the tag is weak (W/), as proxies that compress answers make it.",
        "Read it again, decide again, and send its new ETag as If-Match.",
    ),
    Entry(
        BodyTooLarge,
        413,
        "A body may have 256 KiB.",
        "Send less at once.",
    ),
    Entry(
        UnsupportedContentCoding,
        415,
        "The body is compressed; the service reads only bodies that are not.",
        "Send the body as it is, without a Content-Encoding header.",
    ),
    Entry(
        UnsupportedContentType,
        415,
        "POST /token/ reads forms; everything else reads JSON, in UTF-8.",
        "Set Content-Type to what the detail asks for.",
    ),
    Entry(
        Invalid,
        422,
        "The body can be read, but some of its values, parameters or headers cannot be accepted.",
        "The problem's errors name every one of them; put them right and ask again.",
    ),
    Entry(
        TotalMismatch,
        422,
        "If the items have prices, the total must be their exact sum.",
        "Add up price times quantity of every item; the detail says what it comes to.",
    ),
    Entry(
        RateLimited,
        429,
        "The limit is per user, or per address without a login; logins have their own.",
        "Wait for as many seconds as the answer's Retry-After header says.",
    ),
    Entry(
        RequestHeadTooLarge,
        431,
        "The request line and the headers, trailers included, may have 64 KiB in all.",
        "Send fewer or shorter headers: large cookies are the usual reason.",
    ),
    Entry(
        InternalError,
        500,
        "This is a mistake of the service, not of yours; it is in its log with the request's id.",
        "Give its operator the answer's X-Request-Id.",
    ),
    Entry(
        NotImplementedHere,
        501,
        "The request uses CONNECT, or a transfer coding other than chunked.",
        "Send the body with a Content-Length, or chunked.",
    ),
    Entry(
        ConcurrentUpdate,
        503,
        "Other requests kept changing the order while yours was tried.",
        "Ask again; with If-Match, read the order first.",
    ),
    Entry(
        NotAlive,
        503,
        "A background loop of the process that answered fails again and again, or has made no"
        " progress for a minute although it has work to do.",
        "Restart the process, unless its supervisor has done so already. The log names the"
        " loop and the reason. Nothing is lost: another process, or the next start, goes on.",
    ),
    Entry(
        Unavailable,
        503,
        "The service is at its limits, or its database is out of reach. The detail says whether a"
        " change may have been done all the same.",
        "Ask again after as many seconds as the answer's Retry-After header says. If a change may"
        " have been done, look for it first, or repeat the request with the same reference.",
    ),
    Entry(
        UnsupportedHttpVersion,
        505,
        "The service speaks HTTP/1.1 and HTTP/1.0; a proxy in front of it may speak others.",
        "Send the request as HTTP/1.1.",
    ),
)

ENTRY_OF: Final[Mapping[str, Entry]] = {entry.code: entry for entry in CATALOGUE}
