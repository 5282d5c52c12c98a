"""Money in ISO 4217 currencies. Amounts are exact decimals and never binary floats."""

import re
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Self

from domain.errors import Invalid

#: The active codes from ISO 4217 list one, grouped by their number of minor digits.
_CODES_BY_DIGITS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD"
        " CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP"
        " GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK"
        " LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO"
        " NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS"
        " SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST"
        " XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency with the number of `digits` after its decimal point."""

    code: str
    digits: int
    #: The smallest amount, for example 0.01. It is computed once because every price needs it.
    minor_unit: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the smallest amount."""
        object.__setattr__(self, "minor_unit", Decimal((0, (1,), -self.digits)))

    @staticmethod
    def parse(value: object) -> "Currency":
        """Return the currency with this code.

        Raises:
            Invalid: the value is not an active ISO 4217 code in capital letters.
        """
        currency = CURRENCIES.get(value) if isinstance(value, str) else None
        if currency is None:
            raise Invalid.value("unknown-currency", "Must be an ISO 4217 code such as USD.")
        return currency


#: Every currency by its code. For example, USD has 2 minor digits, JPY has 0 and KWD has 3.
CURRENCIES: Final = {
    code: Currency(code, digits)
    for digits, codes in _CODES_BY_DIGITS.items()
    for code in codes.split()
}


_ZERO: Final = Decimal()
MAX_AMOUNT: Final = Decimal("999999999.99")

#: A JSON number (RFC 8259, section 6), which is ASCII without `+`, `_`, spaces or NaN.
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
#: The maximum number of digits in a result, which is ten times more than an amount can have. The
#: input itself can be longer than this.
_PRECISION: Final = 128
_EXACT: Final = Context(prec=_PRECISION, traps=[Inexact, InvalidOperation])


def parse_amount(value: object) -> Decimal:
    """Return the exact value of a JSON number or a decimal string.

    Raises:
        Invalid: the value is not a number, not finite, negative or greater than `MAX_AMOUNT`.
    """
    amount = _number(value)
    if not _ZERO <= amount <= MAX_AMOUNT:
        raise Invalid.value("out-of-range", f"Must be between 0 and {MAX_AMOUNT}.")
    return amount


def _number(value: object) -> Decimal:
    amount = value if isinstance(value, Decimal) else _other_number(value)
    if not amount.is_finite():
        raise Invalid.value("not-a-number", "Must be a finite number.")
    return amount


def _other_number(value: object) -> Decimal:
    if isinstance(value, str):
        return _decimal(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid.value("wrong-type", "Must be a number, or a string that contains one.")
    return Decimal(value)


def _decimal(text: str) -> Decimal:
    try:
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    except InvalidOperation:  # the exponent is too large even for Decimal
        pass
    raise Invalid.value("not-a-number", "Must be a decimal number such as 19.90.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with exactly as many digits as its currency has: `19.90`, never `19.9`."""

    amount: Decimal
    currency: Currency

    @classmethod
    def of(cls, amount: Decimal, currency: Currency) -> Self:
        """Pad `amount` to the currency's number of digits without changing its value.

        Raises:
            Invalid: the amount has more digits than the currency.
        """
        try:
            exact = amount.quantize(currency.minor_unit, None, _EXACT)
        except (Inexact, InvalidOperation):
            raise Invalid.value(
                "too-many-digits",
                f"{currency.code} has {currency.digits} digits after the decimal point.",
            ) from None
        # Turn a negative zero in the input into a plain zero.
        return cls(exact or abs(exact), currency)

    @classmethod
    def parse(cls, value: object, currency: Currency) -> Self:
        """Parse a JSON number or a decimal string.

        Raises:
            Invalid: see `parse_amount` and `of`.
        """
        return cls.of(parse_amount(value), currency)

    def times(self, quantity: int) -> Self:
        """Return the price of `quantity` units."""
        return type(self)(self.amount * quantity, self.currency)
