"""Accounts: who may log in, and as what."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.actor import Actor, Role
from domain.errors import Invalid
from domain.ids import UserId
from domain.text import read_text

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128

#: RFC 5321, section 4.5.3.1: a path of 256 octets, less its angle brackets.
MAX_EMAIL: Final = 254
_LONGEST_LOCAL_PART: Final = 64
#: The HTML standard's address ("valid e-mail address"), with letters beyond ASCII (RFC 6531)
#: and a domain of at least two labels: nobody receives an order's mail at a bare host name.
_LOCAL_PART: Final = r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
_LABEL: Final = r"[^\W_](([^\W_]|-){0,61}[^\W_])?"
_ADDRESS: Final = re.compile(rf"(?P<local>{_LOCAL_PART})@{_LABEL}(\.{_LABEL})+")


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


def read_email(value: object) -> str:
    """An e-mail address in its normal form: NFC, lower case.

    Raises:
        Invalid: it is not an address.
    """
    address = normal_email(read_text(value, 3, MAX_EMAIL))
    match = _ADDRESS.fullmatch(address)
    if not match or len(match["local"]) > _LONGEST_LOCAL_PART:
        raise Invalid.value("not-an-email", "Must be an e-mail address.")
    return address


def normal_email(text: str) -> str:
    """`text` as it would be stored if it is an address: lower case, NFC."""
    return unicodedata.normalize("NFC", text.lower())


def read_password(value: object) -> str:
    """A new password: 8 to 128 characters (NIST SP 800-63B: length, and no rules of composition).

    Raises:
        Invalid: it is not.
    """
    return read_text(value, MIN_PASSWORD, MAX_PASSWORD)
