"""Refuse new passwords that are easy to guess (ASVS 5.0, 6.2.4 and 6.2.11; NIST SP 800-63B)."""

from collections.abc import Callable, Iterable
from typing import Final

from domain.errors import CommonPassword, FieldError

#: The names of the service, without separators.
_SERVICE_NAMES: Final = ("ordermanagementservice", "ordermanagement", "orderservice", "orders")


def ensure_hard_to_guess(password: str, email: str, is_common: Callable[[str], bool]) -> None:
    """Check a normalised password. `email` can be empty, and `is_common` gets the folded password.

    Case, and separators such as spaces and dots, don't make a difference.

    Raises:
        CommonPassword: it is common, or most of it is the e-mail address, the part of the address
            before the @, or the name of this service.
    """
    folded = password.casefold()
    if is_common(folded):
        raise _refusal("Must not be a common password.")
    address = email.casefold()
    if _is_mainly_one_of(folded, (address, address.partition("@")[0])):
        raise _refusal("Must not consist mainly of the e-mail address.")
    if _is_mainly_one_of(folded, _SERVICE_NAMES):
        raise _refusal("Must not consist mainly of the name of this service.")


def _is_mainly_one_of(password: str, words: Iterable[str]) -> bool:
    letters = _letters(password)
    return any(_is_mainly(letters, _letters(word)) for word in words)


def _is_mainly(letters: str, word: str) -> bool:
    """Return whether more than half of `letters` are repetitions of `word`."""
    return bool(word) and 2 * len(word) * letters.count(word) > len(letters)


def _letters(text: str) -> str:
    """Return the letters and digits of a text."""
    return "".join(filter(str.isalnum, text))


def _refusal(detail: str) -> CommonPassword:
    return CommonPassword([FieldError((), CommonPassword.code, detail)])
