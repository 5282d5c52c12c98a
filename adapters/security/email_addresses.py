"""E-mail addresses as defined by RFC 5321, 5322 and 6531 (Unicode) and IDNA 2008."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from application.ports.accounts import EmailAddress
from domain.account import MAX_EMAIL
from domain.errors import Invalid
from domain.validation import parse_text

#: This list would reject domains such as `.local` and `.test`, which private networks may be using.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class ValidatedAddresses:
    """`EmailAddresses` with email-validator and without DNS lookups.

    The stored form is in lower case and NFC, with a Unicode domain (RFC 5890, U-labels).
    """

    def parse(self, value: object) -> EmailAddress:
        """Parse the address for a new account.

        Raises:
            Invalid: the value is not an e-mail address, or its domain only has one label. Mail
                servers don't deliver mail to bare host names.
        """
        text = _folded(parse_text(value, 3, MAX_EMAIL))
        valid = _validated(text)
        if valid is None or "." not in valid.domain:
            raise Invalid.value("not-an-email", "Must be an e-mail address.")
        return _address(text, valid)

    def of(self, text: str) -> EmailAddress:
        """Return the address of an existing account. `text` does not have to be valid."""
        folded = _folded(text)
        valid = _validated(folded) if len(folded) <= MAX_EMAIL else None
        return _address(folded, valid) if valid else EmailAddress(folded, (folded,))


def _folded(text: str) -> str:
    """Return the form stored by releases up to 1.0, which did not convert the domain."""
    return unicodedata.normalize("NFC", text.lower())


def _validated(text: str) -> ValidatedEmail | None:
    try:
        return validate_email(
            text, check_deliverability=False, globally_deliverable=False, strict=True
        )
    except EmailNotValidError:
        return None


def _address(folded: str, valid: ValidatedEmail) -> EmailAddress:
    stored = f"{valid.local_part}@{valid.domain}"
    in_ascii = f"{valid.local_part}@{valid.ascii_domain}"
    return EmailAddress(stored, tuple(dict.fromkeys((folded, stored, in_ascii))))
