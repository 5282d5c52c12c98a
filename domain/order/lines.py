"""Order lines, and the rule that an order's total equals their sum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final, Protocol

from domain.errors import FieldError, Invalid, TotalMismatch
from domain.money import MAX_AMOUNT, Currency, Money
from domain.order.attributes import NO_ATTRIBUTES, Attributes, parse_attributes
from domain.validation import ValidationErrors, parse_text

MAX_LINES: Final = 100
MAX_QUANTITY: Final = 10_000
MAX_PRODUCT_ID: Final = 64
MAX_NAME: Final = 200
_TOO_LONG_NUMBER: Final = 10**MAX_PRODUCT_ID


class RequestedLine(Protocol):
    """A line from a request. Its values have not been validated yet."""

    @property
    def product_id(self) -> object:
        """The product's id."""

    @property
    def name(self) -> object:
        """The product's name."""

    @property
    def quantity(self) -> object:
        """The number of units."""

    @property
    def price(self) -> object:
        """The price of one unit."""

    @property
    def attributes(self) -> object:
        """A flat object with additional properties."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A quantity of one product. `price` is the unit price."""

    product_id: str | None
    name: str | None
    quantity: int
    price: Money | None
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class OrderLines:
    """An order's lines and their total, all in the same currency.

    Either every line has a price and the total is their exact sum, or none of them have one.
    """

    lines: tuple[OrderLine, ...]
    total: Money

    @classmethod
    def parse(cls, requested: object, total: object, currency: object) -> "OrderLines":
        """Parse the lines from a request.

        Raises:
            Invalid: some values are invalid. There is one error for each of them, with a path that
                starts with `items`, `total_price` or `currency`.
            TotalMismatch: every value is valid, but the total is not the sum of the lines.
        """
        errors = ValidationErrors()
        known = errors.parse(Currency.parse, currency, "currency")
        # If the currency doesn't exist, allow the amounts as many digits as any currency has.
        money = partial(Money.parse, currency=known or Currency("the currency", 4))
        total_price = errors.parse(money, total, "total_price")
        lines = _parse_lines(requested, money, errors)
        total_price = errors.require(total_price)
        _ensure_sum(lines, total_price)
        return cls(tuple(lines), total_price)


def _ensure_sum(lines: Sequence[OrderLine], total: Money) -> None:
    if lines[0].price is None:
        return
    expected = sum(
        (line.price.amount * line.quantity for line in lines if line.price), start=Decimal()
    )
    if expected != total.amount:
        detail = f"The lines add up to {expected}, not to {total.amount}."
        raise TotalMismatch([FieldError(("total_price",), TotalMismatch.code, detail)])


def _parse_lines(
    requested: object, money: "partial[Money]", errors: ValidationErrors
) -> list[OrderLine]:
    if not isinstance(requested, Sequence) or isinstance(requested, str | bytes):
        errors.add("wrong-type", "Must be an array of items.", "items")
        return []
    if not 1 <= len(requested) <= MAX_LINES:
        errors.add("wrong-length", f"Must have 1 to {MAX_LINES} items.", "items")
        return []
    lines = [_parse_line(line, money, errors, index) for index, line in enumerate(requested)]
    _require_all_prices_or_none(requested, errors)
    return lines


def _require_all_prices_or_none(
    requested: Sequence[RequestedLine], errors: ValidationErrors
) -> None:
    unpriced = [index for index, line in enumerate(requested) if line.price is None]
    if 0 < len(unpriced) < len(requested):
        for index in unpriced:
            errors.add(
                "price-missing",
                "Either every item must have a price, or none of them.",
                "items",
                index,
                "price",
            )


def _parse_line(
    requested: RequestedLine, money: "partial[Money]", errors: ValidationErrors, index: int
) -> OrderLine:
    at = ("items", index)
    if requested.product_id is None and requested.name is None:
        errors.add("product-missing", "Must have a product_id, a name, or both.", *at)
    line = OrderLine(
        errors.optional(parse_product_id, requested.product_id, *at, "product_id"),
        errors.optional(parse_name, requested.name, *at, "name"),
        errors.parse(parse_quantity, requested.quantity, *at, "quantity") or 1,
        errors.optional(money, requested.price, *at, "price"),
        errors.optional(parse_attributes, requested.attributes, *at, "attributes") or NO_ATTRIBUTES,
    )
    if line.price and line.price.amount * line.quantity > MAX_AMOUNT:
        errors.add("out-of-range", f"The line costs more than {MAX_AMOUNT}.", *at)
    return line


def parse_name(value: object) -> str:
    """Parse a product name, which has 1 to 200 characters.

    Raises:
        Invalid: see `parse_text`.
    """
    return parse_text(value, 1, MAX_NAME)


def parse_product_id(value: object) -> str:
    """Parse a product id, and return it as a string with 1 to 64 characters.

    Raises:
        Invalid: the value is neither a valid string nor a whole number.
    """
    if isinstance(value, str):
        return parse_text(value, 1, MAX_PRODUCT_ID)
    number = _whole_number(value)
    if number is None:
        raise Invalid.value("wrong-type", "Must be a string or a whole number.")
    return parse_text(str(number), 1, MAX_PRODUCT_ID)


def parse_quantity(value: object) -> int:
    """Parse a quantity between 1 and 10 000.

    Raises:
        Invalid: the value is not a whole number or is out of range.
    """
    number = _whole_number(value)
    if number is None:
        raise Invalid.value("wrong-type", "Must be a whole number.")
    if not 1 <= number <= MAX_QUANTITY:
        raise Invalid.value("out-of-range", f"Must be between 1 and {MAX_QUANTITY}.")
    return number


def _whole_number(value: object) -> int | None:
    """Return `value` as an integer, or None if it isn't one. In JSON, 1.0 is the same as 1."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < _TOO_LONG_NUMBER else None
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < MAX_PRODUCT_ID:
        return int(value) if value == int(value) else None
    return None
