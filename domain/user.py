"""Accounts: who may log in, and as what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.actor import Actor, Role
from domain.ids import UserId
from domain.text import read_text

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128

#: RFC 5321, section 4.5.3.1: a path of 256 octets, less its angle brackets.
MAX_EMAIL: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. `email` is normalised, so that two spellings of one address are one account."""

    id: UserId
    email: str
    role: Role = Role.USER
    disabled: bool = False
    created_at: datetime

    @property
    def actor(self) -> Actor:
        """The account's owner, acting."""
        return Actor.of_role(self.id, self.role)


def read_password(value: object) -> str:
    """A new password: 8 to 128 characters (NIST SP 800-63B: length, and no rules of composition).

    Raises:
        Invalid: it is not.
    """
    return read_text(value, MIN_PASSWORD, MAX_PASSWORD)
