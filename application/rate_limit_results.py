"""What the limits have left, for whoever tells the client."""

from contextvars import ContextVar
from typing import Final

from application.ports.limits import RateLimitResult

#: The allowances that the request which is being served was counted against; None outside of one.
rate_limit_results: Final[ContextVar[list[RateLimitResult] | None]] = ContextVar(
    "allowances", default=None
)


def note(result: RateLimitResult) -> None:
    """Note what is left of a limit after the present request was counted against it."""
    noted = rate_limit_results.get()
    if noted is not None:
        noted.append(result)


def least(noted: list[RateLimitResult]) -> RateLimitResult | None:
    """The allowance with the least left; of equals the one that takes longest to come back."""
    return min(noted, key=lambda each: (each.remaining, -each.reset), default=None)
