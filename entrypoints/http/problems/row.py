"""A row in the problem catalogue."""

from dataclasses import dataclass

from domain.errors import OrderServiceError
from entrypoints.http.problems.headers import HeaderMaker, no_headers


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """How HTTP represents one class of errors (RFC 9457).

    `code` never changes, because clients branch on it. `title` is the same every time the problem
    occurs. `oauth_error` is the code for OAuth clients (RFC 6749, section 5.2).
    """

    error: type[OrderServiceError]
    status: int
    code: str
    title: str
    meaning: str
    remedy: str
    headers: HeaderMaker = no_headers
    oauth_error: str | None = None
