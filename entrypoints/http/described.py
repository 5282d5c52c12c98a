"""What each refusal means to those who meet it, and what they can do: the page of its `type`."""

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
from entrypoints.http.errors import (
    BodyTooLarge,
    InternalError,
    MalformedBody,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchRoute,
    NotAlive,
    NotImplementedHere,
    RequestHeadTooLarge,
    RequestTimeout,
    UnsupportedContentCoding,
    UnsupportedContentType,
    UnsupportedHttpVersion,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a refusal means, and what to do about it."""

    meaning: str
    remedy: str


#: Where two refusals share a code, the more general one speaks for both.
ADVICE: Final[Mapping[type[OrderServiceError], Advice]] = {
    MalformedBody: Advice(
        "The body could not be read at all: it breaks the rules of JSON, of a form, or of UTF-8.",
        "Look at the place that the detail names, and send the body again.",
    ),
    InvalidCredentials: Advice(
        "No account has this address with this password. Which of the two is wrong is not told.",
        "Check both. After several failures you have to wait, even with the right password.",
    ),
    NotAuthenticated: Advice(
        "The token is missing, expired or not one of ours, or its account is disabled.",
        "Get a new one from POST /token/ and send it as: Authorization: Bearer TOKEN.",
    ),
    NotYourOrders: Advice(
        "You asked for the orders of somebody else, or of an id that is nobody's.",
        "Ask for your own: GET /me/ tells your id.",
    ),
    StatusForbidden: Advice(
        "The service is set up so that owners may only cancel their orders.",
        "Ask staff to set the status.",
    ),
    NoSuchAccount: Advice(
        "An operator named an account that does not exist.",
        "Check the address.",
    ),
    NoSuchRoute: Advice(
        "No page and no operation has this address.",
        "Check the path: /docs shows every one there is.",
    ),
    OrderNotFound: Advice(
        "No order has this id, or it belongs to somebody else: the two look alike on purpose.",
        "Check the id: GET /orders/ lists your orders.",
    ),
    MethodNotAllowed: Advice(
        "The address exists, but does nothing by this method.",
        "Use one of the methods that the answer's Allow header lists.",
    ),
    EmailTaken: Advice(
        "An account has this address already; addresses are compared without regard to case.",
        "Log in with it, or register another one.",
    ),
    IllegalTransition: Advice(
        "Orders go from PENDING to PAID to SHIPPED, and may be canceled until they are shipped.",
        "Choose one of the problem's next_statuses; where there is none, the order is final.",
    ),
    ReferenceTaken: Advice(
        "References are unique among your orders: most likely this one was placed already.",
        "Look for it with GET /orders/?reference=..., or choose another reference.",
    ),
    VersionConflict: Advice(
        "The order was changed after you read it, and If-Match asked for what you had read.",
        "Read it again, decide again, and send its new ETag as If-Match.",
    ),
    BodyTooLarge: Advice(
        "A body may have 256 KiB.",
        "Send less at once.",
    ),
    UnsupportedContentType: Advice(
        "POST /token/ reads forms; everything else reads JSON, in UTF-8.",
        "Set Content-Type to what the detail asks for.",
    ),
    UnsupportedContentCoding: Advice(
        "The body is compressed; the service reads only bodies that are not.",
        "Send the body as it is, without a Content-Encoding header.",
    ),
    MalformedRequest: Advice(
        "The bytes on the connection are no well-formed HTTP/1.1 request: a header that breaks the"
        " rules, no Host or several, contradicting lengths, or an end in the middle.",
        "Use an HTTP library. Behind a proxy, look at what it makes of the request.",
    ),
    RequestTimeout: Advice(
        "The head of a request must arrive within 10 seconds, its body within 30 seconds.",
        "Send the request again on a new connection, without pauses.",
    ),
    RequestHeadTooLarge: Advice(
        "The request line and the headers, trailers included, may have 64 KiB in all.",
        "Send fewer or shorter headers: large cookies are the usual reason.",
    ),
    NotImplementedHere: Advice(
        "The request uses CONNECT, or a transfer coding other than chunked.",
        "Send the body with a Content-Length, or chunked.",
    ),
    UnsupportedHttpVersion: Advice(
        "The service speaks HTTP/1.1 and HTTP/1.0; a proxy in front of it may speak others.",
        "Send the request as HTTP/1.1.",
    ),
    Invalid: Advice(
        "The body can be read, but some of its values, parameters or headers cannot be accepted.",
        "The problem's errors name every one of them; put them right and ask again.",
    ),
    TotalMismatch: Advice(
        "Where the items have prices, the total must be their exact sum.",
        "Add up price times quantity of every item; the detail tells what it comes to.",
    ),
    RateLimited: Advice(
        "The limit is per user, or per address where nobody is logged in; logins have their own.",
        "Wait for as many seconds as the answer's Retry-After header says.",
    ),
    InternalError: Advice(
        "This is a mistake of the service, not of yours; it is in its log with the request's id.",
        "Tell its operator the answer's X-Request-Id.",
    ),
    ConcurrentUpdate: Advice(
        "Several writers changed the order over and over while yours was tried.",
        "Ask again; with If-Match, read the order first.",
    ),
    NotAlive: Advice(
        "A background loop of the process that answered fails again and again, or has made no"
        " progress for a minute although it has work to do.",
        "Restart the process, if whatever watches over it has not done so yet. The log names the"
        " loop and the reason. Nothing is lost: another process, or the next start, goes on.",
    ),
    Unavailable: Advice(
        "The service is at its limits, or its database is out of reach. The detail says whether a"
        " change may have been done all the same.",
        "Ask again after as many seconds as the answer's Retry-After header says. If a change may"
        " have been done, look for it first, or repeat the request with the same reference.",
    ),
}
