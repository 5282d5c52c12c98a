from decimal import ROUND_DOWN, Decimal
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import MAX_AMOUNT, Currency, Money, parse_amount
from tests.unit.domain.orders import USD, refusal

CURRENCIES: Final = [Currency.parse(code) for code in ("JPY", "USD", "KWD", "CLF")]
usd: Final = partial(Money.parse, currency=USD)


@st.composite
def moneys(draw: st.DrawFn) -> tuple[int, Currency]:
    """An amount, given in the currency's smallest unit."""
    currency = draw(st.sampled_from(CURRENCIES))
    most = MAX_AMOUNT.scaleb(currency.digits).to_integral_value(ROUND_DOWN)
    return draw(st.integers(0, int(most))), currency


@given(moneys(), st.integers(0, 9))
def test_every_spelling_of_an_amount_is_equal(money: tuple[int, Currency], zeros: int) -> None:
    units, currency = money
    amount = Decimal(units).scaleb(-currency.digits)
    spellings = [
        amount,
        amount.normalize(),
        f"{amount:f}",
        f"{units}e-{currency.digits}",
        f"{amount:.{currency.digits + zeros}f}",
        f"{units}{'0' * zeros}E-{currency.digits + zeros}" if units else "0e+9",
    ]
    assert {str(Money.parse(each, currency).amount) for each in spellings} == {f"{amount:f}"}


@given(moneys())
def test_money_is_written_with_exactly_its_currencys_digits(money: tuple[int, Currency]) -> None:
    units, currency = money
    read = Money.parse(Decimal(units).scaleb(-currency.digits).normalize(), currency)
    assert -int(read.amount.as_tuple().exponent) == currency.digits
    assert read.amount.scaleb(currency.digits) == units


@given(moneys(), st.integers(1, 10_000))
def test_the_price_of_many_is_exact(money: tuple[int, Currency], quantity: int) -> None:
    units, currency = money
    price = Money.parse(f"{units}e-{currency.digits}", currency)
    assert price.times(quantity).amount.scaleb(currency.digits) == units * quantity


@pytest.mark.parametrize(
    "value", ["19.9", "19.90", "19.900", "1.99e1", "1.99E+1", "199e-1", "0.199e2", "0.00199e0004"]
)
def test_an_amount_is_a_number_or_a_numeric_string(value: str) -> None:
    assert str(usd(value).amount) == str(usd(Decimal(value)).amount) == "19.90"


def test_a_whole_number_is_an_amount() -> None:
    assert str(usd(20).amount) == "20.00"


@pytest.mark.parametrize("zero", ["0", "-0", "0.000", "-0.00", "-0e9", "0e-9", "0E400"])
def test_zero_has_no_sign(zero: str) -> None:
    assert str(usd(zero).amount) == str(usd(Decimal(zero)).amount) == "0.00"


@pytest.mark.parametrize(
    "value",
    ["", "abc", "+5", " 5", "5 ", "5\n", ".5", "5.", "05", "00", "--5", "1,5", "1_000", "1,000.00"]
    + [
        "0x10",
        "1e",
        "e5",
        "1e1.5",
        "1e" + "9" * 30,
        "$5",
        "5 USD",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
    ]
    + ["\u0661\u0662", "\uff15", "5\u0665", "\u00b2", "\u22125"]
    + [Decimal(name) for name in ("NaN", "-NaN", "sNaN", "Infinity", "-Infinity")],
)
def test_only_the_notation_of_json_is_a_number(value: object) -> None:
    assert refusal(usd, value).code == "not-a-number"


@pytest.mark.parametrize("value", [None, True, False, 19.9, 20.0, float("nan"), b"5", ["5"], {}])
def test_values_that_are_neither_number_nor_string_are_not_amounts(value: object) -> None:
    assert refusal(usd, value).code == "wrong-type"


@pytest.mark.parametrize(
    "value", ["-0.01", "-1e-9", "-5", "999999999.991", "1000000000", "1e9", "1e400", "-1e400"]
)
def test_an_amount_is_neither_negative_nor_above_the_maximum(value: str) -> None:
    assert refusal(usd, value).code == "out-of-range"
    assert refusal(usd, Decimal(value)).code == "out-of-range"


@pytest.mark.parametrize(
    "value", [10**9, -1, 10**4000, Decimal("1e9999999"), "9" * 64, "1e1234567"]
)
def test_an_enormous_amount_is_refused(value: object) -> None:
    assert refusal(usd, value).code == "out-of-range"


def test_the_bounds_themselves_are_amounts() -> None:
    assert parse_amount("999999999.99") == MAX_AMOUNT
    assert parse_amount("0") == 0


@pytest.mark.parametrize("zeros", [61, 300, 250_000])
def test_a_value_may_be_written_with_any_number_of_zeros(zeros: int) -> None:
    text = f"19.9{'0' * zeros}"
    assert str(usd(text).amount) == str(usd(Decimal(text)).amount) == "19.90"
    assert str(usd(f"0.{'0' * zeros}").amount) == "0.00"
    assert str(usd(f"0.{'0' * zeros}5e{zeros + 1}").amount) == "5.00"


@pytest.mark.parametrize(
    ("value", "code", "digits"),
    [
        ("0.5", "JPY", 0),
        ("0.001", "USD", 2),
        ("0.0001", "KWD", 3),
        ("0.00001", "CLF", 4),
        ("1e-400", "USD", 2),
        ("19.9" + "0" * 50 + "1", "USD", 2),
    ],
)
def test_more_digits_than_the_currency_has_are_refused_not_rounded(
    value: str, code: str, digits: int
) -> None:
    error = refusal(partial(Money.parse, currency=Currency.parse(code)), value)
    assert error.code == "too-many-digits"
    assert error.detail == f"{code} has {digits} digits after the decimal point."


def test_amounts_of_two_currencies_are_never_equal() -> None:
    assert usd("5") == usd("5.00")
    assert usd("5") != Money.parse("5", Currency.parse("EUR"))
