"""The problem catalogue: one row for each class of refusals.

The problem pages, `docs/errors.md` and every problem response are made from it.
"""

from typing import Final

import application.errors
import domain.errors
from domain.order.status import describe_lifecycle
from entrypoints.http import errors
from entrypoints.http.problems import headers
from entrypoints.http.problems.row import ProblemRow

#: One row for each code, sorted by status.
CATALOGUE: Final = (
    ProblemRow(
        errors.MalformedBody,
        400,
        "malformed-json",
        "The body is not well-formed",
        "The body could not be read at all: it is empty, or breaks the rules of JSON, of a form,"
        " or of UTF-8.",
        "Look at the place that the detail names, and send the body again.",
    ),
    ProblemRow(
        errors.MalformedRequest,
        400,
        "malformed-request",
        "The bytes are no HTTP request, or one that breaks off",
        "The bytes on the connection are no well-formed HTTP/1.1 request: a header that breaks the"
        " rules, no Host or several, contradicting lengths, or an end in the middle.",
        "Use an HTTP library. Behind a proxy, look at what it makes of the request.",
    ),
    ProblemRow(
        errors.RepeatedParameter,
        400,
        "repeated-parameter",
        "A parameter of the form is given more than once",
        "A form may give each of its parameters once (RFC 6749, section 3.2).",
        "Send the form again with one value for each parameter that the errors name.",
        oauth_error="invalid_request",
    ),
    ProblemRow(
        errors.RepeatedHeader,
        400,
        "repeated-header",
        "A header that may be given once was given several times",
        "A header that is no list came on several lines, so that its value is ambiguous.",
        "Send the header that the detail names once; look at what a proxy adds.",
    ),
    ProblemRow(
        application.errors.InvalidCredentials,
        401,
        "invalid-credentials",
        "The address or the password is wrong",
        "No account has this address with this password. The answer does not say which of the two"
        " is wrong.",
        "Check both. After several failures you must wait, even with the right password.",
        headers.bearer,
        oauth_error="invalid_grant",
    ),
    ProblemRow(
        application.errors.NotAuthenticated,
        401,
        "token-invalid",
        "The access token is not valid",
        "The token is not one of this service's, was changed or revoked, or its account is"
        " disabled.",
        "Get a new one from POST /token/. If that is refused too, ask the operator whether the"
        " account is disabled.",
        headers.invalid_token,
    ),
    ProblemRow(
        application.errors.TokenExpired,
        401,
        "token-expired",
        "The access token has expired",
        "The token was valid, and its time is over: the expires_in that came with it.",
        "Get a new one from POST /token/ and repeat the request.",
        headers.invalid_token,
    ),
    ProblemRow(
        application.errors.TokenMissing,
        401,
        "token-missing",
        "The request needs an access token",
        "The request has no Authorization header, or one of another scheme than Bearer.",
        "Get a token from POST /token/ and send it as: Authorization: Bearer TOKEN.",
        headers.bearer,
    ),
    ProblemRow(
        application.errors.NotYourOrders,
        403,
        "not-your-orders",
        "Other people's orders are for staff alone",
        "You asked for another user's orders, or for those of an unknown user id.",
        "Ask for your own: GET /me/ returns your id.",
    ),
    ProblemRow(
        domain.errors.StatusForbidden,
        403,
        "status-policy",
        "The status policy leaves this step to somebody else",
        "The service is set up so that owners may only cancel their orders.",
        "Ask staff to set the status.",
    ),
    ProblemRow(
        errors.PreflightRefused,
        403,
        "preflight-refused",
        "This origin may not send the request that its browser announced",
        "A page of another origin asked, by a CORS preflight, for what the service does not allow.",
        "Add the page's origin to the service's setting CORS_ORIGINS, or leave out the method or"
        " header that the detail names.",
    ),
    ProblemRow(
        application.errors.NoSuchAccount,
        404,
        "no-such-account",
        "There is no account with this address",
        "An operator named an account that does not exist.",
        "Check the address.",
    ),
    ProblemRow(
        errors.NoSuchRoute,
        404,
        "not-found",
        "There is nothing at this address",
        "No page and no operation has this address.",
        "Check the path: /docs shows every one there is.",
    ),
    ProblemRow(
        domain.errors.OrderNotFound,
        404,
        "order-not-found",
        "There is no such order, or it is not yours to see",
        "No order has this id, or it belongs to another user: the two look alike on purpose.",
        "Check the id: GET /orders/ lists your orders.",
    ),
    ProblemRow(
        errors.MethodNotAllowed,
        405,
        "method-not-allowed",
        "This address does not know the method",
        "The address exists, but does nothing by this method.",
        "Use one of the methods that the answer's Allow header lists.",
        headers.allow,
    ),
    ProblemRow(
        errors.RequestTimeout,
        408,
        "request-timeout",
        "The head or the body of the request did not arrive in time",
        "The head of a request must arrive within 10 seconds, its body within 30 seconds.",
        "Send the request again on a new connection, without pauses.",
    ),
    ProblemRow(
        domain.errors.EmailTaken,
        409,
        "email-taken",
        "There is already an account with this address",
        "An account has this address already. Addresses are compared without regard to case, and a"
        " domain is the same as its xn-- form.",
        "Log in with it, or register another one.",
    ),
    ProblemRow(
        domain.errors.IllegalTransition,
        409,
        "illegal-transition",
        "The order's lifecycle has no such step",
        describe_lifecycle(),
        "Choose one of the problem's next_statuses; if there is none, the order is final.",
    ),
    ProblemRow(
        domain.errors.ReferenceTaken,
        409,
        "reference-taken",
        "You already have an order with this reference",
        "References are unique among your orders: most likely this one was placed already.",
        "Look for it with GET /orders/?reference=..., or choose another reference.",
    ),
    ProblemRow(
        domain.errors.VersionConflict,
        412,
        "version-conflict",
        "The precondition of the change does not match the order's version",
        "No tag in If-Match is the order's current one: the order was changed after you read it,"
        " or the tag is weak (W/), as proxies that compress answers make it.",
        "Read it again, decide again, and send its new ETag as If-Match.",
    ),
    ProblemRow(
        errors.BodyTooLarge,
        413,
        "body-too-large",
        "The body is larger than the service accepts",
        "A body may have 256 KiB.",
        "Send less at once.",
    ),
    ProblemRow(
        errors.UnsupportedContentCoding,
        415,
        "unsupported-content-encoding",
        "The body is compressed, or coded otherwise (RFC 9110, section 8.4)",
        "The body is compressed; the service reads only bodies that are not.",
        "Send the body as it is, without a Content-Encoding header.",
        headers.identity_only,
    ),
    ProblemRow(
        errors.UnsupportedContentType,
        415,
        "unsupported-content-type",
        "The body's content type is not the one that this address reads",
        "POST /token/ reads forms; everything else reads JSON, in UTF-8.",
        "Set Content-Type to what the detail asks for.",
        headers.identity_only,
    ),
    ProblemRow(
        domain.errors.Invalid,
        422,
        "invalid-request",
        "The request is well-formed, but what it says is not valid",
        "The body can be read, but some of its values, parameters or headers cannot be accepted.",
        "The problem's errors name every one of them; put them right and ask again.",
    ),
    ProblemRow(
        domain.errors.TotalMismatch,
        422,
        "total-mismatch",
        "The total is not the sum of the lines",
        "If the items have prices, the total must be their exact sum.",
        "Add up price times quantity of every item; the detail says what it comes to.",
    ),
    ProblemRow(
        application.errors.RateLimited,
        429,
        "rate-limited",
        "You have asked too often",
        "The limit is per user, or per address without a login; logins have their own.",
        "Wait for as many seconds as the answer's Retry-After header says.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.RequestHeadTooLarge,
        431,
        "request-head-too-large",
        "The head of the request is larger than the service accepts",
        "The request line and the headers, trailers included, may have 64 KiB in all.",
        "Send fewer or shorter headers: large cookies are the usual reason.",
    ),
    ProblemRow(
        errors.InternalError,
        500,
        "internal-error",
        "Something is wrong with the service, not with the request",
        "This is a mistake of the service, not of yours; it is in its log with the request's id.",
        "Give its operator the answer's X-Request-Id.",
    ),
    ProblemRow(
        errors.NotImplementedHere,
        501,
        "not-implemented",
        "The request needs a feature of HTTP that the service does not have",
        "The request uses CONNECT, or a transfer coding other than chunked.",
        "Send the body with a Content-Length, or chunked.",
    ),
    ProblemRow(
        application.errors.ConcurrentUpdate,
        503,
        "concurrent-update",
        "Another change came first; nothing was changed",
        "Other requests kept changing the order while yours was tried.",
        "Ask again; with If-Match, read the order first.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.NotAlive,
        503,
        "not-alive",
        "A loop of this process has stopped, or makes no progress",
        "A background loop of the process that answered fails again and again, or has made no"
        " progress for a minute although it has work to do.",
        "Restart the process, unless its supervisor has done so already. The log names the loop"
        " and the reason. Nothing is lost: another process, or the next start, goes on.",
        headers.retry_after,
    ),
    ProblemRow(
        application.errors.Unavailable,
        503,
        "unavailable",
        "The service cannot answer just now",
        "The service is at its limits, or its database is out of reach. The detail says whether a"
        " change may have been done all the same.",
        "Ask again after as many seconds as the answer's Retry-After header says. If a change may"
        " have been done, look for it first, or repeat the request with the same reference.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.UnsupportedHttpVersion,
        505,
        "http-version-not-supported",
        "The request is of a version of HTTP that the service does not speak",
        "The service speaks HTTP/1.1 and HTTP/1.0; a proxy in front of it may speak others.",
        "Send the request as HTTP/1.1.",
    ),
)
