import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Actor, ActorKind, Role
from domain.user import User, normal_email, read_email, read_password
from tests.unit.domain.orders import ALICE, NOW, refusal

LABEL = "x" * 63


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("a@b.co", "a@b.co"),
        ("Alice@Example.COM", "alice@example.com"),
        ("first.last+tag@sub.example.co.uk", "first.last+tag@sub.example.co.uk"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("1@2.3", "1@2.3"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("J\u00dcRGEN@B\u00dcCHER.example", "j\u00fcrgen@b\u00fccher.example"),
        ("ju\u0308rgen@example.com", "j\u00fcrgen@example.com"),
        ("J\u030c@example.com", "\u01f0@example.com"),
        ("\u7528\u6237@\u4f8b\u5b50.\u516c\u53f8", "\u7528\u6237@\u4f8b\u5b50.\u516c\u53f8"),
        (f"{'x' * 64}@{LABEL}.{LABEL}.com", f"{'x' * 64}@{LABEL}.{LABEL}.com"),
    ],
)
def test_an_address_is_kept_in_its_normal_form(given: str, normal: str) -> None:
    assert read_email(given) == normal


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["plain", "@b.com", "ab@", "a@@b.com", "a@b@c.com"], id="not one @"),
        pytest.param(["a@b", "a@localhost", "a@.com", "a@b.", "a@b..com"], id="no full domain"),
        pytest.param([".a@b.com", "a.@b.com", "a..b@c.com"], id="a dot astray"),
        pytest.param(["a@-b.com", "a@b-.com", "a@b.-com", "a@b.com-"], id="a hyphen astray"),
        pytest.param(["a@b_c.com", "a@_b.com", "a@[127.0.0.1]", "a@b.com/"], id="no host name"),
        pytest.param([" a@b.com", "a@b.com ", "a@b.com\n", "a b@c.com"], id="white space"),
        pytest.param(["<a@b.com>", "mailto:a@b.com", "a@b.com,c@d.com"], id="more than an address"),
        pytest.param(['"a"@b.com', "a(b)@c.com", "a,b@c.com", "a;b@c.com"], id="punctuation"),
        pytest.param(["a\u200b@b.com", "a\x7f@b.com"], id="nothing to see"),
        pytest.param([f"{'x' * 65}@b.com", f"a@x{LABEL}.com"], id="a part too long"),
    ],
)
def test_what_is_no_address_is_refused(addresses: list[str]) -> None:
    assert {refusal(read_email, each).code for each in addresses} == {"not-an-email"}


LONGEST = f"a@{LABEL}.{LABEL}.{LABEL}.{'x' * 60}"


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "wrong-length"), ("ab", "wrong-length"), ("a\0@b.com", "nul-character")]
    + [(f"{LONGEST}x", "wrong-length")]
    + [(each, "wrong-type") for each in (None, 5, True, b"a@b.com", ["a@b.com"])],
)
def test_an_address_is_a_text_of_at_most_254_characters(value: object, code: str) -> None:
    assert len(read_email(LONGEST)) == 254
    assert refusal(read_email, value).code == code


@given(st.text("abcXYZ\u00e9\u00c9\u01c4\u1e9e\u03a9\u0416\u540d", min_size=1, max_size=8))
def test_two_spellings_of_one_address_are_one_account(local: str) -> None:
    address = read_email(f"{local}@example.com")
    decomposed = unicodedata.normalize("NFD", address)
    assert read_email(address) == read_email(decomposed) == normal_email(decomposed) == address


@pytest.mark.parametrize("password", ["12345678", "        ", "p\u00e4ssw\u00f6rd", "x" * 128])
def test_a_password_needs_length_and_nothing_else(password: str) -> None:
    assert read_password(password) == password


@pytest.mark.parametrize("role", Role)
def test_the_accounts_owner_acts_in_its_role(role: Role) -> None:
    user = User(id=ALICE, email="alice@example.com", role=role, created_at=NOW)
    assert user.actor == Actor(ActorKind(role), ALICE)


def test_an_account_is_an_enabled_users_unless_said_otherwise() -> None:
    user = User(id=ALICE, email="alice@example.com", created_at=NOW)
    assert (user.role, user.disabled) == (Role.USER, False)
