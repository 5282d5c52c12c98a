"""Accounts and password rules."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.actor import Role
from domain.ids import UserId
from domain.validation import parse_text

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128
#: An NFC character decomposes into at most four code points, so anything longer is too long in
#: every form. It isn't normalised at all because that can take quadratic time.
_LONGEST_SPELLING: Final = 4 * MAX_PASSWORD

#: RFC 5321, section 4.5.3.1, limits a path to 256 octets. Two of them are the angle brackets.
MAX_EMAIL: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. `email` is normalised, so different spellings of an address share an account.

    Tokens of the outside issuer from before `outside_tokens_ended_at` are refused, except for the
    token `kept_outside_token`, with which the password was changed.
    """

    id: UserId
    email: str = field(repr=False)
    role: Role = Role.USER
    disabled: bool = False
    created_at: datetime
    outside_tokens_ended_at: datetime | None = None
    kept_outside_token: UUID | None = None

    def accepts_outside_token(self, token_id: UUID, issued_at: datetime) -> bool:
        """Return whether a token of the outside issuer has not ended."""
        ended_at = self.outside_tokens_ended_at
        if ended_at is None or token_id == self.kept_outside_token:
            return True
        return is_issued_after(issued_at, ended_at)

    @property
    def is_erased(self) -> bool:
        """Whether the account was closed and its personal data erased."""
        return self.email == erased_email(self.id)

    @property
    def has_address(self) -> bool:
        """Whether `email` is an address rather than a placeholder."""
        return self.email not in {erased_email(self.id), outside_email(self.id)}


def is_issued_after(issued_at: datetime, ended_at: datetime) -> bool:
    """Return whether a token was certainly issued after this time.

    `iat` is in whole seconds, so a token of the same second may be from before it.
    """
    return issued_at.replace(microsecond=0) > ended_at


def erased_email(user_id: UserId) -> str:
    """Return the placeholder for the address of an erased account.

    Its domain doesn't have a dot, so it isn't a valid address for an account.
    """
    return f"erased@{user_id}"


def outside_email(user_id: UserId) -> str:
    """Return the placeholder for the address of an account whose issuer hasn't provided one.

    Like the one above, it isn't a valid address for an account, so it can't be registered.
    """
    return f"outside@{user_id}"


def parse_password(value: object, minimum: int = MIN_PASSWORD) -> str:
    """Normalise a password and check that it has between `minimum` and 128 characters.

    There are no composition rules, as recommended by NIST SP 800-63B.

    Raises:
        Invalid: the value is not a string, or it's too short or too long.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_SPELLING:
        value = normal_password(value)
    return parse_text(value, minimum, MAX_PASSWORD)


def normal_password(text: str) -> str:
    """Normalise a password to NFC with only ASCII spaces (RFC 8265, OpaqueString).

    This is necessary because keyboards don't all encode the same character the same way.
    """
    if text.isascii():
        return text
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)
    return unicodedata.normalize("NFC", spaced)
