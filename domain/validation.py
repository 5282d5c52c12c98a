"""Parse many values and collect every error, not only the first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from domain.errors import FieldError, Invalid, Path, TotalMismatch

T = TypeVar("T")


class ValidationErrors:
    """The errors in the values of one input. Only the first error of each value is kept."""

    def __init__(self) -> None:
        #: A field, a parameter and a header may have one name.
        self._found: dict[tuple[type[FieldError], Path], FieldError] = {}

    @property
    def count(self) -> int:
        """The number of values with an error so far."""
        return len(self._found)

    def parse(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """Return the parsed value, or None after adding the parser's errors under `path`."""
        try:
            return parser(value)
        except Invalid as invalid:
            self.extend(error.under(*path) for error in invalid.errors)
            return None

    def optional(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """As `parse`, for a value that may be None."""
        return None if value is None else self.parse(parser, value, *path)

    def collect(self, parser: Callable[..., T], *values: object) -> T | None:
        """As `parse`, for a parser of several values, whose errors have their own paths."""
        try:
            return parser(*values)
        except Invalid as invalid:
            self.extend(invalid.errors)
            return None

    def add(self, code: str, detail: str, *path: str | int) -> None:
        """Add an error that no parser of a single value can find."""
        self.extend([FieldError(path, code, detail)])

    def extend(self, errors: Iterable[FieldError]) -> None:
        """Add errors that were found elsewhere in the same input."""
        for error in errors:
            self._found.setdefault((type(error), error.path), error)

    def require(self, value: T | None) -> T:
        """Return a parsed value if the whole input is valid.

        Raises:
            Invalid: some value has an error.
        """
        self.raise_if_any()
        if value is None:
            raise ValueError("a parser returned nothing and added no error")
        return value

    def raise_if_any(self) -> None:
        """Raise if any error was added.

        Raises:
            Invalid: with every error.
            TotalMismatch: the only error is that the total is not the sum of the lines.
        """
        if self._found:
            only_total = all(error.code == TotalMismatch.code for error in self._found.values())
            raise (TotalMismatch if only_total else Invalid)(self._found.values())
