"""Reading many values and naming everything that is wrong with them, not only the first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from domain.errors import FieldError, Invalid, Path, TotalMismatch

T = TypeVar("T")


class ValidationErrors:
    """Collects what is wrong with the values of one input; the first fault of a value counts."""

    def __init__(self) -> None:
        #: A field, a parameter and a header may have one name.
        self._found: dict[tuple[type[FieldError], Path], FieldError] = {}

    @property
    def count(self) -> int:
        """How many values have a fault so far."""
        return len(self._found)

    def parse(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """What `parser` makes of `value`, or None with its faults noted under `path`."""
        try:
            return parser(value)
        except Invalid as invalid:
            self.extend(error.under(*path) for error in invalid.errors)
            return None

    def optional(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """As `parse`, where leaving the value out is fine."""
        return None if value is None else self.parse(parser, value, *path)

    def collect(self, parser: Callable[..., T], *values: object) -> T | None:
        """As `parse`, for a parser of several values whose faults know their own paths."""
        try:
            return parser(*values)
        except Invalid as invalid:
            self.extend(invalid.errors)
            return None

    def add(self, code: str, detail: str, *path: str | int) -> None:
        """Note a fault that no single value's parser can see."""
        self.extend([FieldError(path, code, detail)])

    def extend(self, faults: Iterable[FieldError]) -> None:
        """Note faults that were found elsewhere in the same input."""
        for error in faults:
            self._found.setdefault((type(error), error.path), error)

    def require(self, value: T | None) -> T:
        """`value`, which was read without a fault.

        Raises:
            Invalid: some value had one.
        """
        self.raise_if_any()
        if value is None:
            raise ValueError("a parser noted no fault and returned nothing")
        return value

    def raise_if_any(self) -> None:
        """Refuse the input where anything was noted.

        Raises:
            Invalid: with every fault that was noted.
            TotalMismatch: that is all that is wrong.
        """
        if self._found:
            only_total = all(error.code == TotalMismatch.code for error in self._found.values())
            raise (TotalMismatch if only_total else Invalid)(self._found.values())
