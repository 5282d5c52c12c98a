"""Which e-mail addresses are valid, and their normal form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.security.email_addresses import ValidatedAddresses
from tests.unit.domain.orders import refusal

ADDRESSES = ValidatedAddresses()


def stored(value: object) -> str:
    return ADDRESSES.parse(value).stored


LABEL = "x" * 63


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("a@b.co", "a@b.co"),
        ("Alice@Example.COM", "alice@example.com"),
        ("first.last+tag@sub.example.co.uk", "first.last+tag@sub.example.co.uk"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("1@2.3", "1@2.3"),
        ("a@xn--bcher-kva.example", "a@b\u00fccher.example"),
        ("a@XN--BCHER-KVA.example", "a@b\u00fccher.example"),
        ("a@stra\u00dfe.example", "a@stra\u00dfe.example"),
        ("J\u00dcRGEN@B\u00dcCHER.example", "j\u00fcrgen@b\u00fccher.example"),
        ("ju\u0308rgen@example.com", "j\u00fcrgen@example.com"),
        ("J\u030c@example.com", "\u01f0@example.com"),
        ("\u7528\u6237@\u4f8b\u5b50.\u516c\u53f8", "\u7528\u6237@\u4f8b\u5b50.\u516c\u53f8"),
        (f"{'x' * 64}@{LABEL}.{LABEL}.com", f"{'x' * 64}@{LABEL}.{LABEL}.com"),
    ],
)
def test_an_address_is_stored_in_its_normal_form(given: str, normal: str) -> None:
    assert stored(given) == normal


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["plain", "@b.com", "ab@", "a@@b.com", "a@b@c.com"], id="not one @"),
        pytest.param(["a@b", "a@localhost", "a@.com", "a@b.", "a@b..com"], id="no full domain"),
        pytest.param([".a@b.com", "a.@b.com", "a..b@c.com"], id="a dot astray"),
        pytest.param(["a@-b.com", "a@b-.com", "a@b.-com", "a@b.com-"], id="a misplaced hyphen"),
        pytest.param(
            [
                "a@b_c.com",
                "a@_b.com",
                "a@[127.0.0.1]",
                "a@[IPv6:::1]",
                "a@b.com/",
                "a@xn--zzzzzz.com",
                "a@\u2603.com",
            ],
            id="no host name",
        ),
        pytest.param([" a@b.com", "a@b.com ", "a@b.com\n", "a b@c.com"], id="white space"),
        pytest.param(["<a@b.com>", "mailto:a@b.com", "a@b.com,c@d.com"], id="more than an address"),
        pytest.param(
            ['"a"@b.com', '"a b"@c.com', "a(b)@c.com", "a,b@c.com", "a;b@c.com"], id="punctuation"
        ),
        pytest.param(
            ["a\u200b@b.com", "a\x7f@b.com", "a\u202e@b.com", "\u0301a@b.com"],
            id="invisible",
        ),
        pytest.param([f"{'x' * 65}@b.com", f"a@x{LABEL}.com"], id="a part too long"),
    ],
)
def test_a_value_that_is_not_an_address_is_refused(addresses: list[str]) -> None:
    assert {refusal(ADDRESSES.parse, each).code for each in addresses} == {"not-an-email"}


LONGEST = f"a@{LABEL}.{LABEL}.{LABEL}.{'x' * 60}"


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "wrong-length"), ("ab", "wrong-length"), ("a\0@b.com", "nul-character")]
    + [(f"{LONGEST}x", "wrong-length")]
    + [(each, "wrong-type") for each in (None, 5, True, b"a@b.com", ["a@b.com"])],
)
def test_an_address_is_a_string_of_3_to_254_characters(value: object, code: str) -> None:
    assert len(stored(LONGEST)) == 254
    assert refusal(ADDRESSES.parse, value).code == code


@given(st.text("abcXYZ\u00e9\u00c9\u01c4\u1e9e\u03a9\u0416\u540d", min_size=1, max_size=8))
def test_all_spellings_of_an_address_have_one_stored_form(local: str) -> None:
    address = stored(f"{local}@example.com")
    decomposed = unicodedata.normalize("NFD", address)
    assert stored(address) == stored(decomposed) == ADDRESSES.of(decomposed).stored == address


@pytest.mark.parametrize(
    "address",
    [
        "\u0938\u0902\u092a\u0930\u094d\u0915@\u0921\u093e\u091f\u093e\u092e\u0947\u0932.\u092d\u093e\u0930\u0924",
        "\u0e1c\u0e39\u0e49\u0e43\u0e0a\u0e49@\u0e15\u0e31\u0e27\u0e2d\u0e22\u0e48\u0e32\u0e07.\u0e44\u0e17\u0e22",
        "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd@\u0b89\u0ba4\u0bbe\u0bb0\u0ba3\u0bae\u0bcd.\u0b87\u0ba8\u0bcd\u0ba4\u0bbf\u0baf\u0bbe",
        "\u09ac\u09be\u0982\u09b2\u09be@\u0989\u09a6\u09be\u09b9\u09b0\u09a3.\u09ad\u09be\u09b0\u09a4",
        "\u05d3\u05d5\u05d0\u05bc\u05e8@\u05d3\u05d5\u05d0\u05e8.\u05e7\u05d5\u05dd",
        "i\u0307stanbul@example.com",
        "ada@company.test",
        "ada@printer.local",
        "ada@shop.invalid",
        "ada@mail.localhost",
    ],
    ids=(
        *("Hindi", "Thai", "Tamil", "Bengali", "Hebrew", "Turkish"),
        *(".test", ".local", ".invalid", ".localhost"),
    ),
)
def test_an_address_may_use_any_script_and_any_top_level_domain(address: str) -> None:
    assert stored(address) == address
    assert stored(address.upper()) == address


def test_the_turkish_capital_i_becomes_i_with_a_combining_dot() -> None:
    assert stored("\u0130stanbul@EXAMPLE.com") == "i\u0307stanbul@example.com"


DOMAIN_IN_BOTH_FORMS = ["ada@b\u00fccher.example", "ada@xn--bcher-kva.example"]


@pytest.mark.parametrize("spelling", DOMAIN_IN_BOTH_FORMS)
def test_both_forms_of_a_domain_find_an_older_account(spelling: str) -> None:
    found = ADDRESSES.of(spelling.upper())
    assert found.stored == DOMAIN_IN_BOTH_FORMS[0]
    assert found.spellings[0] == spelling
    assert set(found.spellings) == set(DOMAIN_IN_BOTH_FORMS)
    assert found.older == (DOMAIN_IN_BOTH_FORMS[1],)


def test_most_addresses_have_one_spelling() -> None:
    assert ADDRESSES.of("Ada@Example.com").spellings == ("ada@example.com",)


@pytest.mark.parametrize(
    "text", ["", "Nobody", "a b", "1@2", "x" * 10_000, "a@b@c", "\0", "\ud800@b.com"]
)
def test_an_invalid_address_can_be_looked_up(text: str) -> None:
    assert ADDRESSES.of(text).spellings == (text.lower(),)


@given(st.text(max_size=300), st.text(max_size=300))
def test_the_stored_form_is_stable_for_any_text(local: str, domain: str) -> None:
    found = ADDRESSES.of(f"{local}@{domain}")
    assert found.stored in found.spellings
    assert ADDRESSES.of(found.stored).stored == found.stored
