"""Money: exact amounts of one currency. No binary float ever holds one."""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Self

from domain.currency import Currency
from domain.errors import Invalid

MAX_AMOUNT: Final = Decimal("999999999.99")

#: A number as JSON writes it (RFC 8259, section 6), in ASCII: no `+`, no `_`, no spaces, no NaN.
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
#: Digits of a result: ten times as many as any amount has. A value may be written with more.
_PRECISION: Final = 128
_EXACT: Final = Context(prec=_PRECISION, traps=[Inexact, InvalidOperation])


def parse_amount(value: object) -> Decimal:
    """The exact number that a JSON number or a decimal text stands for, between 0 and the maximum.

    Raises:
        Invalid: no number, not finite, negative or above `MAX_AMOUNT`.
    """
    amount = _number(value)
    if not 0 <= amount <= MAX_AMOUNT:
        raise Invalid.value("out-of-range", f"Must be between 0 and {MAX_AMOUNT}.")
    return amount


def _number(value: object) -> Decimal:
    if isinstance(value, str):
        value = _decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Invalid.value("wrong-type", "Must be a number, or a text that is one.")
    amount: Decimal = Decimal(value)
    if not amount.is_finite():
        raise Invalid.value("not-a-number", "Must be a finite number.")
    return amount


def _decimal(text: str) -> Decimal:
    try:
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    except InvalidOperation:  # an exponent beyond even Decimal's
        pass
    raise Invalid.value("not-a-number", "Must be a decimal number such as 19.90.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with exactly the digits that its currency has: `19.90`, never `19.9`."""

    amount: Decimal
    currency: Currency

    @classmethod
    def of(cls, amount: Decimal, currency: Currency) -> Self:
        """`amount` with the currency's digits; its value does not change.

        Raises:
            Invalid: it has more digits than the currency.
        """
        try:
            exact = amount.quantize(Decimal((0, (1,), -currency.digits)), context=_EXACT)
        except (Inexact, InvalidOperation):
            raise Invalid.value(
                "too-many-digits",
                f"{currency.code} has {currency.digits} digits behind the decimal point.",
            ) from None
        # A zero may have come with a sign; an amount is written without one.
        return cls(exact or abs(exact), currency)

    @classmethod
    def parse(cls, value: object, currency: Currency) -> Self:
        """Money from a JSON number or a decimal text.

        Raises:
            Invalid: as `parse_amount` and `of` say.
        """
        return cls.of(parse_amount(value), currency)

    def times(self, quantity: int) -> Self:
        """The price of `quantity` pieces."""
        return type(self)(self.amount * quantity, self.currency)
