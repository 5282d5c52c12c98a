"""Errors that are shown to the caller, including errors about single values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from domain.order.status import OrderStatus

#: The location of a value within a document, as the unescaped steps of an RFC 6901 pointer.
Path = tuple[str | int, ...]


class OrderServiceError(Exception):
    """A deliberate refusal: never a bug, and always safe to show to the caller.

    The first line of a class's docstring is the default message of its instances.
    """

    def __str__(self) -> str:
        """Return the message."""
        return super().__str__() or (self.__doc__ or "").partition("\n")[0]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One problem with one input value."""

    path: Path
    code: str
    detail: str

    def under(self, *prefix: str | int) -> Self:
        """Return the same error with `prefix` added to the front of its path."""
        return type(self)((*prefix, *self.path), self.code, self.detail)


#: A message describes this many errors in full. Any others are only counted.
_MOST_NAMED: Final = 10
_LONGEST_NAME: Final = 64


def _described(errors: Sequence[FieldError]) -> str:
    more = len(errors) - _MOST_NAMED
    clauses = [_clause(error) for error in errors[:_MOST_NAMED]]
    return " ".join([*clauses, f"And {more} more: see `errors`."] if more > 0 else clauses)


def _clause(error: FieldError) -> str:
    """Describe the error and its location, for example "`/items/0/name`: must be given."."""
    if not error.path:
        return error.detail
    name = "".join(f"/{step}" for step in error.path) if error.path[1:] else str(error.path[0])
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}\u2026"
    detail = error.detail
    # Abbreviations, such as currency codes, have to keep their capitals.
    return f"`{name}`: {detail if detail[1:2].isupper() else detail[:1].lower() + detail[1:]}"


class Invalid(OrderServiceError):
    """The request is well-formed, but not valid."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(_described(self.errors))

    @classmethod
    def value(cls, code: str, detail: str) -> Self:
        """Create an error for a single value. The caller adds its path (`FieldError.under`)."""
        return cls([FieldError((), code, detail)])


class TotalMismatch(Invalid):
    """The total is not the sum of the lines."""

    #: The code of its only field error.
    code: ClassVar[str] = "total-mismatch"


class CommonPassword(Invalid):
    """The password is too easy to guess."""

    #: The code of its only field error.
    code: ClassVar[str] = "common-password"


class OrderNotFound(OrderServiceError):
    """The order does not exist, or you do not have access to it."""


class OrderHidden(OrderNotFound):
    """The order belongs to another user. Callers must not be able to tell it from a missing one."""


class IllegalTransition(OrderServiceError):
    """The order's lifecycle does not allow this change."""

    def __init__(
        self, current: OrderStatus, wanted: OrderStatus, allowed: Iterable[OrderStatus]
    ) -> None:
        self.current = current
        self.allowed = tuple(allowed)
        choices = f"can only become {' or '.join(self.allowed)}" if self.allowed else "is final"
        super().__init__(f"A {current} order cannot become {wanted}. It {choices}.")


class VersionConflict(OrderServiceError):
    """The change was based on a different version of the order."""

    def __init__(self, version: int, detail: str = "") -> None:
        self.version = version
        super().__init__(
            detail or f"The order is at version {version}. Read it again before you change it."
        )


class StatusForbidden(OrderServiceError):
    """The status policy reserves this change for staff."""


class ReferenceTaken(OrderServiceError):
    """You already have an order with this reference."""


class EmailTaken(OrderServiceError):
    """There is already an account with this address."""


class ClientNameTaken(OrderServiceError):
    """There is already a machine client with this name."""
