from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import Invalid, TotalMismatch
from domain.money import Money
from domain.order.lines import OrderLine, OrderLines, parse_product_id, parse_quantity
from tests.unit.domain.orders import USD, refusal

MOST: Final = "999999999.99"


@dataclass(frozen=True)
class ALine:
    """A line in a request. By default it is some tea."""

    product_id: object = "tea"
    name: object = None
    quantity: object = 1
    price: object = None
    attributes: object = None


def errors_in(
    requested: object, total: object = "5", currency: object = "USD"
) -> set[tuple[str, str]]:
    """Return each error's pointer and code."""
    with pytest.raises(Invalid) as refused:
        OrderLines.parse(requested, total, currency)
    found = [("/".join(map(str, error.path)), error.code) for error in refused.value.errors]
    assert len(found) == len(set(found))
    return set(found)


def test_a_line_has_the_values_of_the_request() -> None:
    read = OrderLines.parse(
        [
            ALine(42, "Tea", Decimal("2.0"), "9.95", {"organic": True}),
            ALine(None, "Cup", 1, 0, {}),
        ],
        Decimal("19.9"),
        "USD",
    )
    assert read == OrderLines(
        (
            OrderLine("42", "Tea", 2, Money.parse("9.95", USD), {"organic": True}),
            OrderLine(None, "Cup", 1, Money.parse("0.00", USD), {}),
        ),
        Money.parse("19.90", USD),
    )
    assert str(read.total.amount) == "19.90"


def test_without_prices_the_total_is_kept() -> None:
    read = OrderLines.parse((ALine(), ALine()), "123.4", "USD")
    assert str(read.total.amount) == "123.40"
    assert read.lines == (OrderLine("tea", None, 1, None),) * 2


PRICED: Final = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(1, 1000)), min_size=1, max_size=4
)


@given(PRICED, st.sampled_from([("JPY", 0), ("USD", 2), ("KWD", 3), ("CLF", 4)]))
def test_the_total_is_the_exact_sum_in_every_currency(
    lines: list[tuple[int, int]], currency: tuple[str, int]
) -> None:
    code, digits = currency
    requested = [ALine(quantity=count, price=f"{price}e-{digits}") for price, count in lines]
    units = sum(price * count for price, count in lines)
    read = OrderLines.parse(requested, f"{units}e-{digits}", code)
    assert read.total.amount.scaleb(digits) == units


@given(PRICED, st.integers(-1000, 1000).filter(bool))
def test_any_other_total_is_refused(lines: list[tuple[int, int]], off_by: int) -> None:
    requested = [ALine(quantity=count, price=f"{price}e-2") for price, count in lines]
    total = sum(price * count for price, count in lines) + off_by
    assume(total >= 0)
    with pytest.raises(TotalMismatch) as refused:
        OrderLines.parse(requested, f"{total}e-2", "USD")
    [error] = refused.value.errors
    assert (error.path, error.code) == (("total_price",), "total-mismatch")


def test_a_total_mismatch_names_the_sum() -> None:
    with pytest.raises(TotalMismatch, match=r"add up to 19\.90, not to 19\.91"):
        OrderLines.parse([ALine(price="9.95", quantity=2)], "19.91", "USD")


def test_a_line_and_a_total_may_reach_the_maximum_and_not_pass_it() -> None:
    assert OrderLines.parse([ALine(price=MOST)], MOST, "USD").total.amount == Decimal(MOST)
    assert errors_in([ALine(price="333333333.34", quantity=3)], MOST) == {
        ("items/0", "out-of-range")
    }
    assert errors_in([ALine(price="1000000000")], MOST) == {("items/0/price", "out-of-range")}
    assert errors_in([ALine()], "1000000000") == {("total_price", "out-of-range")}
    # Each of the two lines is valid, but their sum is larger than any valid total.
    assert errors_in([ALine(price=MOST)] * 2, MOST) == {("total_price", "total-mismatch")}


NO_ARRAYS: Final[list[object]] = [None, "tea", b"tea", 5, {}, {"tea"}, ALine()]


@pytest.mark.parametrize("count", [1, 100])
def test_an_order_has_1_to_100_items(count: int) -> None:
    assert len(OrderLines.parse([ALine()] * count, "5", "USD").lines) == count


@pytest.mark.parametrize(
    ("requested", "code"),
    [(count * [ALine()], "wrong-length") for count in (0, 101)]
    + [(each, "wrong-type") for each in NO_ARRAYS],
)
def test_items_that_are_empty_too_many_or_no_array_are_refused(
    requested: object, code: str
) -> None:
    assert errors_in(requested) == {("items", code)}


def test_all_errors_of_the_lines_are_named_together() -> None:
    bad_prices = [
        ALine(price=5),
        ALine(price=True),
        ALine(price="0.001"),
        ALine(price="-1"),
    ]
    bad_texts = [
        ALine("", 5, price=5),
        ALine("a\0", "x" * 201, price=5),
        ALine([], price=5),
    ]
    bad_rest = [
        ALine(None, quantity=0, price=5),
        ALine(quantity=None, price=5, attributes={"a": None, "b": 1, "c": {}}),
        ALine(quantity="1", attributes=[]),
    ]
    assert errors_in(bad_prices + bad_texts + bad_rest, "1e400") == {
        ("total_price", "out-of-range"),
        ("items/1/price", "wrong-type"),
        ("items/2/price", "too-many-digits"),
        ("items/3/price", "out-of-range"),
        ("items/4/product_id", "wrong-length"),
        ("items/4/name", "wrong-type"),
        ("items/5/product_id", "nul-character"),
        ("items/5/name", "wrong-length"),
        ("items/6/product_id", "wrong-type"),
        ("items/7", "product-missing"),
        ("items/7/quantity", "out-of-range"),
        ("items/8/quantity", "wrong-type"),
        ("items/8/attributes/a", "wrong-type"),
        ("items/8/attributes/c", "wrong-type"),
        ("items/9/quantity", "wrong-type"),
        ("items/9/price", "price-missing"),
        ("items/9/attributes", "wrong-type"),
    }


def test_an_unknown_currency_does_not_hide_other_errors() -> None:
    assert errors_in([ALine(price="-1"), ALine(price="0.00001")], "abc", "XYZ") == {
        ("currency", "unknown-currency"),
        ("total_price", "not-a-number"),
        ("items/0/price", "out-of-range"),
        ("items/1/price", "too-many-digits"),
    }
    assert errors_in([ALine(price="0.0001")], "0.0001", None) == {("currency", "unknown-currency")}


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_either_every_item_has_a_price_or_none(priced: list[bool]) -> None:
    requested = [ALine(price=1 if each else None) for each in priced]
    missing = {(f"items/{at}/price", "price-missing") for at, each in enumerate(priced) if not each}
    if any(priced) and missing:
        assert errors_in(requested, len(priced)) == missing
    else:
        assert OrderLines.parse(requested, len(priced), "USD").total.amount == len(priced)


NO_IDS: Final[list[object]] = [None, True, False, 1.0, 7.5, b"tea", ["tea"], {}]


@pytest.mark.parametrize(
    ("value", "text"),
    [(each, each) for each in ("tea", " ", "007", "7.0", "x" * 64)]
    + [(each, str(each)) for each in (7, 0, -7, 10**64 - 1)]
    + [(Decimal(each), text) for each, text in (("7.0", "7"), ("7e2", "700"), ("-0", "0"))]
    + [(Decimal(each), f"{Decimal(each):f}") for each in ("9" * 64, "1e63")],
)
def test_a_product_id_is_a_string_or_a_whole_number_kept_as_string(
    value: object, text: str
) -> None:
    assert parse_product_id(value) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [(each, "wrong-type") for each in NO_IDS]
    + [(Decimal(each), "wrong-type") for each in ("7.5", "1e-9", "1e64", "1e9999999", "NaN", "Inf")]
    + [(10**64, "wrong-type"), (-(10**64), "wrong-type"), (-(10**63), "wrong-length")],
)
def test_a_fraction_a_boolean_or_an_endless_number_is_no_product_id(
    value: object, code: str
) -> None:
    assert refusal(parse_product_id, value).code == code


@given(st.integers(1, 10_000))
def test_a_quantity_is_a_whole_number_in_any_notation(quantity: int) -> None:
    spellings = [quantity, Decimal(quantity), Decimal(f"{quantity}.00"), Decimal(f"{quantity}0e-1")]
    assert {parse_quantity(each) for each in spellings} == {quantity}


@pytest.mark.parametrize(
    ("value", "code"),
    [(each, "out-of-range") for each in (0, -1, 10_001, 10**63, Decimal("-0"), Decimal("1e4") + 1)]
    + [(each, "wrong-type") for each in (None, True, False, 1.0, "1", "two", [1], 10**400)]
    + [(Decimal(each), "wrong-type") for each in ("1.5", "1e-9999999", "1e9999999", "NaN", "-Inf")],
)
def test_a_quantity_is_between_1_and_10_000(value: object, code: str) -> None:
    assert refusal(parse_quantity, value).code == code
