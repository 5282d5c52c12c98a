"""Accounts and the rules of their passwords."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.actor import Role
from domain.ids import UserId
from domain.validation import parse_text

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128
#: A character in NFC is at most four code points when it is decomposed. A longer text is not
#: normalised, because the time may grow with the square of its length.
_LONGEST_SPELLING: Final = 4 * MAX_PASSWORD

#: RFC 5321, section 4.5.3.1: a path of 256 octets, less its angle brackets.
MAX_EMAIL: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. `email` is normalised: two spellings of one address are one account."""

    id: UserId
    email: str
    role: Role = Role.USER
    disabled: bool = False
    created_at: datetime


def parse_password(value: object, minimum: int = MIN_PASSWORD) -> str:
    """Return a password in its normal form, which has `minimum` to 128 characters.

    NIST SP 800-63B requires a length and no rules of composition.

    Raises:
        Invalid: the value is no string, too short or too long.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_SPELLING:
        value = normal_password(value)
    return parse_text(value, minimum, MAX_PASSWORD)


def normal_password(text: str) -> str:
    """Return the normal form of a password (RFC 8265, OpaqueString).

    Keyboards encode the same characters differently. In the normal form every space is an ASCII
    space, and the text is in NFC.
    """
    if text.isascii():
        return text
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)
    return unicodedata.normalize("NFC", spaced)
