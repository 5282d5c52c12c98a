"""Create an account."""

from dataclasses import dataclass, field

from application.ports.accounts import Accounts, EmailAddress, PasswordHasher
from application.ports.system import Clock, IdGenerator
from domain.account import Account
from domain.actor import Role
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Registration:
    """A validated e-mail address and password, and the role for the new account."""

    email: EmailAddress = field(repr=False)
    password: str = field(repr=False)
    role: Role = Role.USER


class RegisterUser:
    """Create an account.

    Raises:
        EmailTaken: there is already an account with this address.
    """

    def __init__(
        self, accounts: Accounts, passwords: PasswordHasher, clock: Clock, ids: IdGenerator
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: Registration) -> Account:
        """Create the account and return it."""
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
