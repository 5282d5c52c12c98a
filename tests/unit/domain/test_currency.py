import re
from typing import Final

import pytest

from domain.money import CURRENCIES, Currency
from tests.unit.domain.orders import refusal

NO_CODES: Final = ["usd", "US", "USD ", "", "XYZ", "DEM", "HRK", "SLL", "XAU", "XXX", "\uff35SD"]


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        (0, "JPY KRW CLP ISK VND XAF XOF XPF PYG UGX UYI"),
        (2, "USD EUR GBP CHF CNY INR BRL HUF IDR MGA MRU SLE VED XCG ZWG COP CRC"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_a_currency_has_the_minor_digits_of_iso_4217(digits: int, codes: str) -> None:
    for code in codes.split():
        assert Currency.parse(code) == Currency(code, digits)


def test_every_code_has_three_capitals_and_appears_once() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)
    assert {currency.digits for currency in CURRENCIES.values()} == {0, 2, 3, 4}
    # There is one table per number of digits. If a code were in two of them, the sum would be off.
    assert len(CURRENCIES) == 17 + 139 + 7 + 2


@pytest.mark.parametrize(
    "value",
    [*NO_CODES, None, 840, b"USD", ["USD"], {}],
)
def test_values_that_are_not_a_currency_are_refused(value: object) -> None:
    assert refusal(Currency.parse, value).code == "unknown-currency"
