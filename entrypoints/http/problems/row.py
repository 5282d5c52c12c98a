"""A row of the problem catalogue."""

from dataclasses import dataclass

from domain.errors import OrderServiceError
from entrypoints.http.problems.headers import HeaderMaker, no_headers


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One class of refusals as HTTP shows it (RFC 9457).

    `code` is stable: clients branch on it. `title` is the same for every occurrence. `oauth_error`
    is the code that OAuth clients read (RFC 6749, section 5.2).
    """

    error: type[OrderServiceError]
    status: int
    code: str
    title: str
    meaning: str
    remedy: str
    headers: HeaderMaker = no_headers
    oauth_error: str | None = None
