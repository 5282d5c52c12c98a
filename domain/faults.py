"""Reading many values and naming everything that is wrong with them, not only the first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from domain.errors import Fault, Invalid, Path, TotalMismatch

T = TypeVar("T")


class Faults:
    """Collects what is wrong with the values of one input; the first fault of a value counts."""

    def __init__(self) -> None:
        #: A field, a parameter and a header may have one name.
        self._found: dict[tuple[type[Fault], Path], Fault] = {}

    @property
    def count(self) -> int:
        """How many values have a fault so far."""
        return len(self._found)

    def read(self, reader: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """What `reader` makes of `value`, or None with its faults noted under `path`."""
        try:
            return reader(value)
        except Invalid as invalid:
            self.include(fault.under(*path) for fault in invalid.faults)
            return None

    def optional(self, reader: Callable[[object], T], value: object, *path: str | int) -> T | None:
        """As `read`, where leaving the value out is fine."""
        return None if value is None else self.read(reader, value, *path)

    def attempt(self, reader: Callable[..., T], *values: object) -> T | None:
        """As `read`, for a reader of several values whose faults know their own paths."""
        try:
            return reader(*values)
        except Invalid as invalid:
            self.include(invalid.faults)
            return None

    def note(self, code: str, detail: str, *path: str | int) -> None:
        """Note a fault that no single value's reader can see."""
        self.include([Fault(path, code, detail)])

    def include(self, faults: Iterable[Fault]) -> None:
        """Note faults that were found elsewhere in the same input."""
        for fault in faults:
            self._found.setdefault((type(fault), fault.path), fault)

    def sound(self, value: T | None) -> T:
        """`value`, which was read without a fault.

        Raises:
            Invalid: some value had one.
        """
        self.refuse()
        if value is None:
            raise ValueError("a reader noted no fault and returned nothing")
        return value

    def refuse(self) -> None:
        """Refuse the input where anything was noted.

        Raises:
            Invalid: with every fault that was noted.
            TotalMismatch: that is all that is wrong.
        """
        if self._found:
            only_total = all(fault.code == TotalMismatch.code for fault in self._found.values())
            raise (TotalMismatch if only_total else Invalid)(self._found.values())
