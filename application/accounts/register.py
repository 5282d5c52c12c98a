"""Open an account."""

from dataclasses import dataclass

from application.ports.accounts import Accounts, EmailAddress, PasswordHasher
from application.ports.system import Clock, IdGenerator
from domain.account import Account
from domain.actor import Role
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Registration:
    """A valid address and a valid password."""

    email: EmailAddress
    password: str
    role: Role = Role.USER


class RegisterUser:
    """Open an account.

    Raises:
        EmailTaken: an account has this address.
    """

    def __init__(
        self, accounts: Accounts, passwords: PasswordHasher, clock: Clock, ids: IdGenerator
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: Registration) -> Account:
        """Open the account."""
        password_hash = await self._passwords.hash(command.password)
        now = self._clock.now()
        account = Account(
            id=UserId(self._ids.new(now)),
            email=command.email.stored,
            role=command.role,
            created_at=now,
        )
        await self._accounts.add(account, password_hash, *command.email.older)
        return account
