"""Parse several values and collect all errors instead of stopping at the first one."""

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from domain.errors import CommonPassword, FieldError, Invalid, Path, TotalMismatch

T = TypeVar("T")

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: Errors with their own class if they are the only ones in the input.
_KINDS: Final = (TotalMismatch, CommonPassword)
#: More than the invalid values that fit into the largest body (256 KiB), all of which are reported.
#: The limit is for other inputs, such as the command line.
MAX_ERRORS: Final = 50_000


class ValidationErrors:
    """Collects the errors found in an input, keeping only the first error for each value.

    At most `MAX_ERRORS` are kept.
    """

    def __init__(self) -> None:
        #: The type is part of the key because a field and a header can have the same name.
        self._found: dict[tuple[type[FieldError], Path], FieldError] = {}

    @property
    def count(self) -> int:
        """The number of invalid values so far."""
        return len(self._found)

    def parse(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """Parse a value. If that fails, add the errors under `path` and return None."""
        try:
            return parser(value)
        except Invalid as invalid:
            self._add_under(path, invalid)
            return None

    def optional(self, parser: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """Like `parse`, but allow None."""
        try:
            return None if value is None else parser(value)
        except Invalid as invalid:
            self._add_under(path, invalid)
            return None

    def collect(self, parser: Callable[..., T], *values: object) -> T | None:
        """Like `parse`, but for a parser that takes several values and sets the paths itself."""
        try:
            return parser(*values)
        except Invalid as invalid:
            self.extend(invalid.errors)
            return None

    def _add_under(self, path: Path, invalid: Invalid) -> None:
        self.extend(error.under(*path) for error in invalid.errors)

    def add(self, code: str, detail: str, *path: str | int) -> None:
        """Add an error that involves more than a single value."""
        self.extend([FieldError(path, code, detail)])

    def extend(self, errors: Iterable[FieldError]) -> None:
        """Add errors found elsewhere in the same input."""
        for error in errors:
            if self.count >= MAX_ERRORS:
                return
            self._found.setdefault((type(error), error.path), error)

    def require(self, value: T | None) -> T:
        """Return a parsed value, provided that the whole input is valid.

        Raises:
            Invalid: any value in the input is invalid.
        """
        self.raise_if_any()
        if value is None:
            raise ValueError("a parser returned nothing and added no error")
        return value

    def raise_if_any(self) -> None:
        """Raise the collected errors, if there are any.

        Raises:
            Invalid: with every error.
            TotalMismatch: the only error is that the total is not the sum of the lines.
            CommonPassword: the only error is that the password is too easy to guess.
        """
        if self._found:
            codes = {error.code for error in self._found.values()}
            only = next((kind for kind in _KINDS if codes == {kind.code}), Invalid)
            raise only(self._found.values())


def parse_text(value: object, minimum: int, maximum: int) -> str:
    """Return a string with `minimum` to `maximum` code points that PostgreSQL can store.

    Raises:
        Invalid: the value is not a string, is too short or too long, or contains a NUL or a lone
            surrogate.
    """
    if not isinstance(value, str):
        raise Invalid.value("wrong-type", "Must be a string.")
    if not minimum <= len(value) <= maximum:
        raise Invalid.value(
            "wrong-length", f"Must have {minimum} to {maximum} characters, but has {len(value)}."
        )
    if "\0" in value:
        raise Invalid.value("nul-character", "Must not contain the NUL character.")
    if not value.isascii() and _SURROGATE.search(value):
        raise Invalid.value("lone-surrogate", "Must not contain half of a surrogate pair.")
    return value
