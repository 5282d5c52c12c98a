import pytest

from domain.account import Account, normal_password, parse_password
from domain.actor import Role
from tests.unit.domain.orders import ALICE, NOW, refusal


@pytest.mark.parametrize("password", ["12345678", "        ", "p\u00e4ssw\u00f6rd", "x" * 128])
def test_a_password_has_no_rule_but_its_length(password: str) -> None:
    assert parse_password(password) == password


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("pa\u0301ssword", "p\u00e1ssword"),
        ("a\u00a0long\u2003pass\u3000phrase", "a long pass phrase"),
        ("\u212b" * 8, "\u00c5" * 8),
        ("e\u0301" * 128, "\u00e9" * 128),
        ("\uac01".encode().decode() * 8, "\uac01" * 8),
        ("\u1100\u1161\u11a8" * 128, "\uac01" * 128),
        ("fi\ufb01fi\ufb01fi", "fi\ufb01fi\ufb01fi"),
    ],
)
def test_every_spelling_of_a_password_has_one_normal_form(given: str, normal: str) -> None:
    assert parse_password(given) == normal_password(given) == normal


@pytest.mark.parametrize("given", ["e\u0301" * 7, "e\u0301" * 129, "\u0301\u0323" * 100_000])
def test_a_password_is_measured_in_its_normal_form(given: str) -> None:
    assert refusal(parse_password, given).code == "wrong-length"


def test_an_account_is_enabled_and_of_a_user_by_default() -> None:
    account = Account(id=ALICE, email="alice@example.com", created_at=NOW)
    assert (account.role, account.disabled) == (Role.USER, False)
