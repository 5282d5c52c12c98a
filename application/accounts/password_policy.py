"""The rules for new passwords."""

from application.ports.accounts import CommonPasswords, EmailAddress
from domain.account import parse_password
from domain.password_strength import ensure_hard_to_guess


class PasswordPolicy:
    """Parses new passwords. Existing passwords that break the rules still work."""

    def __init__(self, common: CommonPasswords) -> None:
        self._common = common

    def parse(self, value: object, email: EmailAddress | None) -> str:
        """Normalise and check a password for the account with this address.

        Raises:
            CommonPassword: it is too easy to guess.
            Invalid: the value is not a string, or it's too short or too long.
        """
        password = parse_password(value)
        ensure_hard_to_guess(password, email.stored if email else "", self._common.contains)
        return password
