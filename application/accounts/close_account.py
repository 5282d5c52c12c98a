"""Close the caller's account."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from application.accounts.password_confirmation import CONFIRMATIONS, PasswordConfirmation
from application.errors import ConcurrentUpdate
from application.ports.accounts import PasswordHasher
from application.ports.erasures import Erasure, Erasures
from application.ports.system import Clock
from domain.account import Account

#: When the background continues an erasure that a request has begun.
TAKE_OVER: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class AccountClosure:
    """A caller's account and password, as it was sent. `address` is the client's IP address."""

    account: Account
    password: str = field(repr=False)
    address: str


class CloseAccount:
    """Close an account after confirming its password, and erase its address.

    Raises:
        WrongPassword, NotAuthenticated, RateLimited: see `PasswordConfirmation`.
        ConcurrentUpdate: the hash kept changing.
        Unavailable: the storage is unreachable, or too many passwords are waiting to be hashed.
    """

    def __init__(
        self,
        confirm: PasswordConfirmation,
        passwords: PasswordHasher,
        erasures: Erasures,
        clock: Clock,
    ) -> None:
        self._confirm = confirm
        self._passwords = passwords
        self._erasures = erasures
        self._clock = clock

    async def __call__(self, closure: AccountClosure) -> Erasure:
        """Return the erasure of the remaining data. The account is durably closed on return."""
        for _ in range(CONFIRMATIONS):
            login = await self._confirm(closure.account, closure.password, closure.address)
            new_hash, user_id = self._passwords.unusable(), login.account.id
            next_at = self._clock.now() + TAKE_OVER
            if await self._erasures.begin(user_id, login.password_hash, new_hash, next_at):
                return Erasure(user_id)
        raise ConcurrentUpdate
