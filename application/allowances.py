"""What the limits have left, for whoever tells the client."""

from contextvars import ContextVar
from typing import Final

from application.ports.limits import Allowance

#: The allowances that the request which is being served was counted against; None outside of one.
allowances: Final[ContextVar[list[Allowance] | None]] = ContextVar("allowances", default=None)


def note(allowance: Allowance) -> None:
    """Note what is left of a limit after the present request was counted against it."""
    noted = allowances.get()
    if noted is not None:
        noted.append(allowance)


def least(noted: list[Allowance]) -> Allowance | None:
    """The allowance with the least left; of equals the one that takes longest to come back."""
    return min(noted, key=lambda each: (each.remaining, -each.reset), default=None)
