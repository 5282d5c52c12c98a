"""Money: exact decimal amounts of one currency, never binary floats."""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Self

from domain.currency import Currency
from domain.errors import Invalid

MAX_AMOUNT: Final = Decimal("999999999.99")

#: A number of JSON (RFC 8259, section 6), in ASCII: no `+`, no `_`, no spaces, no NaN.
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
#: Digits of a result: ten times as many as any amount has. The input may have more.
_PRECISION: Final = 128
_EXACT: Final = Context(prec=_PRECISION, traps=[Inexact, InvalidOperation])


def parse_amount(value: object) -> Decimal:
    """Return the exact value of a JSON number or a decimal string.

    Raises:
        Invalid: the value is no number, not finite, negative or above `MAX_AMOUNT`.
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
    except InvalidOperation:  # the exponent is too large even for Decimal
        pass
    raise Invalid.value("not-a-number", "Must be a decimal number such as 19.90.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with exactly the digits of its currency: `19.90`, never `19.9`."""

    amount: Decimal
    currency: Currency

    @classmethod
    def of(cls, amount: Decimal, currency: Currency) -> Self:
        """Return `amount` with the digits of the currency; its value does not change.

        Raises:
            Invalid: the amount has more digits than the currency.
        """
        try:
            exact = amount.quantize(Decimal((0, (1,), -currency.digits)), context=_EXACT)
        except (Inexact, InvalidOperation):
            raise Invalid.value(
                "too-many-digits",
                f"{currency.code} has {currency.digits} digits behind the decimal point.",
            ) from None
        # The input may be a zero with a sign; an amount has none.
        return cls(exact or abs(exact), currency)

    @classmethod
    def parse(cls, value: object, currency: Currency) -> Self:
        """Return the money of a JSON number or a decimal string.

        Raises:
            Invalid: see `parse_amount` and `of`.
        """
        return cls.of(parse_amount(value), currency)

    def times(self, quantity: int) -> Self:
        """Return the price of `quantity` units."""
        return type(self)(self.amount * quantity, self.currency)
