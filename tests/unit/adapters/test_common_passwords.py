import unicodedata
from importlib import import_module

import pytest

from adapters.security.common_passwords import PackagedCommonPasswords, _passwords
from domain.account import MIN_PASSWORD
from tools.vendor_common_passwords import usable

COMMON = PackagedCommonPasswords()


@pytest.mark.parametrize("password", ["password", "12345678", "password123", "qwertyuiop"])
def test_a_common_password_is_in_the_list(password: str) -> None:
    assert COMMON.contains(password)


def test_a_phrase_is_not_in_the_list() -> None:
    assert not COMMON.contains("correct horse battery")
    assert not COMMON.contains("")


def test_the_list_has_at_least_3000_passwords_that_could_be_chosen() -> None:
    passwords = _passwords()
    assert len(passwords) >= 3000
    assert all(len(each) >= MIN_PASSWORD for each in passwords)
    assert all(unicodedata.normalize("NFC", each).casefold() == each for each in passwords)


def test_the_list_is_loaded_when_it_is_used_first() -> None:
    _passwords.cache_clear()
    import_module("entrypoints.composition.providers.system")
    assert _passwords.cache_info().currsize == 0
    assert COMMON.contains("password")
    assert _passwords.cache_info().currsize == 1


def test_short_broken_and_repeated_passwords_are_left_out_of_the_list() -> None:
    broken = "\u043f\u0457\u0455" * 4
    assert usable(f"Password\npassword\nshort\n{broken}\ne\u0301\u0301longer") == [
        "password",
        "\u00e9\u0301longer",
    ]
