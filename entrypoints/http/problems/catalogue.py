"""The problem catalogue, with a row for each kind of error. Used for responses and for pages."""

from typing import Final

import application.errors
import domain.errors
from domain.order.status import describe_lifecycle
from entrypoints.http import errors
from entrypoints.http.problems import headers
from entrypoints.http.problems.row import ProblemRow

#: Has one row per code, sorted by status.
CATALOGUE: Final = (
    ProblemRow(
        errors.MalformedBody,
        400,
        "malformed-json",
        "The body is not well-formed",
        "The body is empty, or is not valid JSON, form data or UTF-8.",
        "Fix the error described in the detail, and send the body again.",
    ),
    ProblemRow(
        errors.MalformedRequest,
        400,
        "malformed-request",
        "The request is malformed or incomplete",
        "The connection did not carry a complete, well-formed HTTP/1.1 request. For example, a"
        " header was invalid, Host was missing or repeated, the lengths contradicted each other,"
        " or the request ended early.",
        "Use an HTTP library. If there is a proxy in between, check the requests that it sends.",
    ),
    ProblemRow(
        errors.RepeatedParameter,
        400,
        "repeated-parameter",
        "A form parameter is given more than once",
        "Each parameter of a form may only be given once (RFC 6749, section 3.2).",
        "Send the form again, with a single value for each parameter listed in the errors.",
        oauth_error="invalid_request",
    ),
    ProblemRow(
        errors.RepeatedHeader,
        400,
        "repeated-header",
        "A header that may only be sent once was repeated",
        "A header that is not a list appears on several lines, so its value is ambiguous.",
        "Send the header named in the detail only once. Check whether a proxy adds it a second"
        " time.",
    ),
    ProblemRow(
        application.errors.InvalidCredentials,
        401,
        "invalid-credentials",
        "The e-mail address or password is wrong",
        "There is no account with this address and password. The response deliberately does not"
        " reveal which of them is wrong.",
        "Check both. After several failed attempts you have to wait, even with the right password.",
        headers.bearer,
        oauth_error="invalid_grant",
    ),
    ProblemRow(
        application.errors.NotAuthenticated,
        401,
        "token-invalid",
        "The access token is not valid",
        "The token is forged, has been altered or revoked, or belongs to a disabled account.",
        "Get a new token from POST /token/. If that fails, ask the operator about the account.",
        headers.invalid_token,
    ),
    ProblemRow(
        application.errors.TokenExpired,
        401,
        "token-expired",
        "The access token has expired",
        "The token was valid, but its lifetime (expires_in) is over.",
        "Get a new token from POST /token/, and repeat the request.",
        headers.invalid_token,
    ),
    ProblemRow(
        application.errors.TokenMissing,
        401,
        "token-missing",
        "The request needs an access token",
        "The request has no Authorization header, or its scheme is not Bearer.",
        "Get a token from POST /token/, and send it as: Authorization: Bearer TOKEN.",
        headers.bearer,
    ),
    ProblemRow(
        application.errors.NotYourOrders,
        403,
        "not-your-orders",
        "Only staff may see other users' orders",
        "You requested the orders of another user, or of a user id that does not exist.",
        "Request your own orders. GET /me/ returns your id.",
    ),
    ProblemRow(
        domain.errors.StatusForbidden,
        403,
        "status-policy",
        "The status policy does not allow this change",
        "In this service, the only change that owners may make is to cancel their orders.",
        "Ask staff to set the status.",
    ),
    ProblemRow(
        errors.PreflightRefused,
        403,
        "preflight-refused",
        "CORS does not allow this cross-origin request",
        "A browser sent a CORS preflight for a cross-origin request that the service does not"
        " allow.",
        "Add the origin to CORS_ORIGINS, or do without the method or the headers named in the"
        " detail.",
    ),
    ProblemRow(
        application.errors.NoSuchAccount,
        404,
        "no-such-account",
        "There is no account with this address",
        "The account given to an operator's command does not exist.",
        "Check the address.",
    ),
    ProblemRow(
        errors.NoSuchRoute,
        404,
        "not-found",
        "There is nothing at this address",
        "The service does not have a page or an API route at this address.",
        "Check the path. /docs lists every route.",
    ),
    ProblemRow(
        domain.errors.OrderNotFound,
        404,
        "order-not-found",
        "The order does not exist, or you do not have access to it",
        "There is no order with this id, or it belongs to another user. The response is"
        " deliberately the same in both cases.",
        "Check the id. GET /orders/ lists your orders.",
    ),
    ProblemRow(
        errors.MethodNotAllowed,
        405,
        "method-not-allowed",
        "The path does not support this method",
        "The path exists, but not with this method.",
        "Use a method from the response's Allow header.",
        headers.allow,
    ),
    ProblemRow(
        errors.RequestTimeout,
        408,
        "request-timeout",
        "The request did not arrive in time",
        "A request's head must arrive within 10 seconds, and its body within 30 seconds.",
        "Send the request again on a new connection, without pauses.",
    ),
    ProblemRow(
        domain.errors.EmailTaken,
        409,
        "email-taken",
        "There is already an account with this address",
        "An account already uses this address. Upper and lower case count as the same, and so do a"
        " domain and its xn-- form.",
        "Log in with it, or register another address.",
    ),
    ProblemRow(
        domain.errors.IllegalTransition,
        409,
        "illegal-transition",
        "The order's lifecycle does not allow this change",
        describe_lifecycle(),
        "Choose one of the next_statuses in the response. If there are none, the order's status is"
        " final.",
    ),
    ProblemRow(
        domain.errors.ReferenceTaken,
        409,
        "reference-taken",
        "You already have an order with this reference",
        "Each of your orders must have a different reference. This order has probably been placed"
        " already.",
        "Find it with GET /orders/?reference=..., or choose another reference.",
    ),
    ProblemRow(
        domain.errors.VersionConflict,
        412,
        "version-conflict",
        "If-Match does not match the order's current version",
        "None of the tags in If-Match is the order's current one. Either the order has changed"
        " since you read it, or the tag is weak (W/) because a proxy compressed the response.",
        "Read the order again, and send its new ETag as If-Match.",
    ),
    ProblemRow(
        errors.BodyTooLarge,
        413,
        "body-too-large",
        "The body is larger than the service accepts",
        "A body may have at most 256 KiB.",
        "Send a smaller body.",
    ),
    ProblemRow(
        errors.UnsupportedContentCoding,
        415,
        "unsupported-content-encoding",
        "The body is compressed, or has another content coding (RFC 9110, section 8.4)",
        "The service accepts only bodies without a content coding.",
        "Send the body uncompressed, without a Content-Encoding header.",
        headers.identity_only,
    ),
    ProblemRow(
        errors.UnsupportedContentType,
        415,
        "unsupported-content-type",
        "The path does not accept the body's content type",
        "POST /token/ accepts forms. All other paths accept JSON, in UTF-8.",
        "Set Content-Type to the type in the detail.",
        headers.identity_only,
    ),
    ProblemRow(
        domain.errors.Invalid,
        422,
        "invalid-request",
        "The request is well-formed, but not valid",
        "Some of the request's values, parameters or headers are not valid.",
        "Correct everything listed in the errors, and repeat the request.",
    ),
    ProblemRow(
        domain.errors.TotalMismatch,
        422,
        "total-mismatch",
        "The total is not the sum of the lines",
        "If the items have prices, the total must be their exact sum.",
        "Add up price times quantity for every item. The detail contains the correct sum.",
    ),
    ProblemRow(
        application.errors.RateLimited,
        429,
        "rate-limited",
        "Too many requests",
        "Requests are limited per user, or per address if you are not logged in. Logins have their"
        " own limits.",
        "Wait for the number of seconds in the response's Retry-After header.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.RequestHeadTooLarge,
        431,
        "request-head-too-large",
        "The request's head is larger than the service accepts",
        "The request line and the headers, including trailers, may have at most 64 KiB in total.",
        "Send fewer or shorter headers. Large cookies are the usual reason.",
    ),
    ProblemRow(
        errors.InternalError,
        500,
        "internal-error",
        "Something is wrong with the service, not with the request",
        "This is a bug in the service. Its log contains the error, with the id of the request.",
        "Send the response's X-Request-Id to the operator.",
    ),
    ProblemRow(
        errors.NotImplementedHere,
        501,
        "not-implemented",
        "The request needs an HTTP feature that the service does not support",
        "The request uses CONNECT, or a transfer coding other than chunked.",
        "Send the body with a Content-Length, or chunked.",
    ),
    ProblemRow(
        application.errors.ConcurrentUpdate,
        503,
        "concurrent-update",
        "Another change came first; nothing was changed",
        "Each time this request was attempted, another one changed the order first.",
        "Repeat the request. If it has If-Match, read the order first.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.NotAlive,
        503,
        "not-alive",
        "A loop in this process has stopped, or is not making progress",
        "One of the process's loops keeps failing, or has had work for a minute without making"
        " progress.",
        "Restart the process, unless its supervisor has already done so. The log contains the loop"
        " and the reason. Nothing is lost, because another process, or this one after its restart,"
        " continues the work.",
        headers.retry_after,
    ),
    ProblemRow(
        application.errors.Unavailable,
        503,
        "unavailable",
        "The service is temporarily unavailable",
        "The service is overloaded, or its database is unreachable. A change may still have been"
        " made: see the detail.",
        "Repeat the request after the number of seconds in the response's Retry-After header. If a"
        " change may have been made, check for it first, or use the same reference.",
        headers.retry_after,
    ),
    ProblemRow(
        errors.UnsupportedHttpVersion,
        505,
        "http-version-not-supported",
        "The service does not support the request's HTTP version",
        "The service supports HTTP/1.1 and HTTP/1.0. A proxy in front of it may support others.",
        "Send the request as HTTP/1.1.",
    ),
)
