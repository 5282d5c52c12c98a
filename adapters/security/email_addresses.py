"""E-mail addresses by email-validator: RFC 5321 and 5322, RFC 6531 beyond ASCII, IDNA 2008."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from application.ports.accounts import EmailAddress
from domain.account import MAX_EMAIL
from domain.errors import Invalid
from domain.text import parse_text

#: `.local` and `.test` are addresses of a company's own network: the library's list is not ours.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


class ValidatedAddresses:
    """`EmailAddresses` without any look-up in the DNS.

    The stored form is lower case and NFC, with the domain in Unicode (RFC 5890, U-labels).
    """

    def parse(self, value: object) -> EmailAddress:
        """Parse a new account's address.

        Raises:
            Invalid: it is not an address, or has a domain of one label: nobody receives an order's
                mail at a bare host name.
        """
        text = _folded(parse_text(value, 3, MAX_EMAIL))
        valid = _validated(text)
        if valid is None or "." not in valid.domain:
            raise Invalid.value("not-an-email", "Must be an e-mail address.")
        return _address(text, valid)

    def of(self, text: str) -> EmailAddress:
        """Return the address that `text` may be stored under, whether it is valid or not."""
        folded = _folded(text)
        valid = _validated(folded) if len(folded) <= MAX_EMAIL else None
        return _address(folded, valid) if valid else EmailAddress(folded, (folded,))


def _folded(text: str) -> str:
    """The stored form of releases up to 1.0: a domain stays in the form that it was written in."""
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
