"""E-mail addresses by email-validator: RFC 5321, 5322 and 6531 (Unicode), and IDNA 2008."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from application.ports.accounts import EmailAddress
from domain.account import MAX_EMAIL
from domain.errors import Invalid
from domain.validation import parse_text

#: Private networks may use domains such as `.local` and `.test`, which this list would refuse.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class ValidatedAddresses:
    """`EmailAddresses` that makes no DNS lookups.

    The stored form is lower case and NFC, with the domain in Unicode (U-labels of RFC 5890).
    """

    def parse(self, value: object) -> EmailAddress:
        """Parse the address of a new account.

        Raises:
            Invalid: the value is no address, or its domain has only one label: mail servers do not
                deliver to a bare host name.
        """
        text = _folded(parse_text(value, 3, MAX_EMAIL))
        valid = _validated(text)
        if valid is None or "." not in valid.domain:
            raise Invalid.value("not-an-email", "Must be an e-mail address.")
        return _address(text, valid)

    def of(self, text: str) -> EmailAddress:
        """Return the address of an existing account; `text` need not be valid."""
        folded = _folded(text)
        valid = _validated(folded) if len(folded) <= MAX_EMAIL else None
        return _address(folded, valid) if valid else EmailAddress(folded, (folded,))


def _folded(text: str) -> str:
    """Return the stored form of releases up to 1.0, which did not convert the domain."""
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
