"""Section 3 of the contract: money."""

import pytest

from tests.e2e.assertions import assert_problem, digits, field_errors
from tests.e2e.service import User


def with_total(total: str, currency: str = "USD") -> str:
    """Return an order as JSON text. The total is inserted verbatim."""
    return f'{{"items": [{{"name": "x"}}], "total_price": {total}, "currency": "{currency}"}}'


@pytest.mark.parametrize(
    ("currency", "given", "written"),
    [
        ("USD", "19.9", "19.90"),
        ("USD", "20", "20.00"),
        ("USD", "0", "0.00"),
        ("USD", "999999999.99", "999999999.99"),
        ("JPY", "20", "20"),
        ("JPY", "20.0", "20"),
        ("KWD", "20.5", "20.500"),
        ("CLF", "0.0001", "0.0001"),
    ],
)
def test_money_has_the_minor_digits_of_its_currency(
    ada: User, currency: str, given: str, written: str
) -> None:
    answer = ada.post_text(with_total(given, currency))
    assert answer.status_code == 201
    assert digits(answer)["total_price"] == written
    assert digits(ada.get(answer.headers["location"]))["total_price"] == written


@pytest.mark.parametrize("given", ["-0", "-0.0", '"-0"', '"0.00"', "0e5", "-0E-2"])
def test_zero_is_written_without_a_sign(ada: User, given: str) -> None:
    assert digits(ada.post_text(with_total(given)))["total_price"] == "0.00"


@pytest.mark.parametrize(
    "given", ["19.9", "19.90", "19.900", "1.99e1", "199E-1", '"19.9"', '"19.900"', '"1.99e1"']
)
def test_spellings_of_an_amount_are_equal(ada: User, given: str) -> None:
    assert digits(ada.post_text(with_total(given)))["total_price"] == "19.90"


def test_amounts_are_exact_decimals(ada: User) -> None:
    items = [{"name": "x", "price": 0.1, "quantity": 3}, {"name": "y", "price": "0.70"}]
    assert ada.post_order(items=items, total_price="1.00").status_code == 201
    nearly = "4.35000000000000000000000000000001"
    answer = ada.post_text(with_total(nearly))
    assert field_errors(answer) == {("/total_price", "too-many-digits")}


def test_prices_and_totals_have_the_same_format(ada: User) -> None:
    items = [{"name": "x", "price": "4.5", "quantity": 2}]
    shown = digits(ada.post_order(items=items, total_price=9))
    assert (shown["items"][0]["price"], shown["total_price"]) == ("4.50", "9.00")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("19.999", "too-many-digits"),
        ("1e-9", "too-many-digits"),
        ('"0.001"', "too-many-digits"),
        ("-0.01", "out-of-range"),
        ("1000000000", "out-of-range"),
        ("999999999.991", "out-of-range"),
        ("1e400", "out-of-range"),
        ("9" * 4000, "out-of-range"),
        ("9" * 5000, "out-of-range"),
        ("1e999999999999999999999", "not-a-number"),
        ('"NaN"', "not-a-number"),
        ('"Infinity"', "not-a-number"),
        ('"-Infinity"', "not-a-number"),
        ('"1e400"', "out-of-range"),
        ('"1,000"', "not-a-number"),
        ('"1_000"', "not-a-number"),
        ('"1 000"', "not-a-number"),
        ('"١٢"', "not-a-number"),
        ('"１２"', "not-a-number"),  # noqa: RUF001 - digits that are not ASCII are the point
        ('"0x10"', "not-a-number"),
        ('"+1"', "not-a-number"),
        ('" 1"', "not-a-number"),
        ('"1."', "not-a-number"),
        ('".5"', "not-a-number"),
        ('""', "not-a-number"),
        ("true", "wrong-type"),
        ("[]", "wrong-type"),
        ("{}", "wrong-type"),
        ("null", "wrong-type"),
    ],
)
def test_an_invalid_amount_is_422(ada: User, given: str, code: str) -> None:
    answer = ada.post_text(with_total(given))
    assert_problem(answer, 422, "invalid-request")
    assert field_errors(answer) == {("/total_price", code)}


@pytest.mark.parametrize("zeros", [61, 200_000])
def test_an_amount_may_have_many_zeros_as_string_or_number(ada: User, zeros: int) -> None:
    for given in (f"19.9{'0' * zeros}", f'"19.9{"0" * zeros}"'):
        answer = ada.post_text(with_total(given))
        assert (answer.status_code, digits(answer)["total_price"]) == (201, "19.90")


@pytest.mark.parametrize("given", ["NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x10"])
def test_an_invalid_json_number_is_400(ada: User, given: str) -> None:
    assert_problem(ada.post_text(with_total(given)), 400, "malformed-json")


def test_the_maximum_holds_for_lines_and_the_total(ada: User) -> None:
    line = {"name": "x", "price": "500000000", "quantity": 2}
    answer = ada.post_order(items=[line], total_price=1)
    assert field_errors(answer) == {("/items/0", "out-of-range")}
    line |= {"quantity": 1}
    answer = ada.post_order(items=[line, line], total_price="1000000000")
    assert field_errors(answer) == {("/total_price", "out-of-range")}


def test_the_total_must_equal_the_exact_sum_of_the_prices(ada: User) -> None:
    items = [{"name": "x", "price": "0.10", "quantity": 3}, {"name": "y", "price": "0.05"}]
    assert ada.post_order(items=items, total_price="0.35").status_code == 201
    answer = ada.post_order(items=items, total_price="0.36")
    assert_problem(answer, 422, "total-mismatch")
    assert field_errors(answer) == {("/total_price", "total-mismatch")}


def test_a_total_without_prices_is_accepted(ada: User) -> None:
    shown = ada.order(items=[{"name": "x", "quantity": 7}], total_price="12.34")
    assert shown["total_price"] == 12.34
    assert "price" not in shown["items"][0]


def test_either_all_items_have_a_price_or_none(ada: User) -> None:
    items = [{"name": "x", "price": 1}, {"name": "y"}, {"name": "z", "price": None}]
    answer = ada.post_order(items=items, total_price=1)
    assert field_errors(answer) == {
        ("/items/1/price", "price-missing"),
        ("/items/2/price", "price-missing"),
    }
