"""Change the caller's password."""

from dataclasses import dataclass, field
from uuid import UUID

from application.accounts.ended_sessions import EndedSessions
from application.accounts.password_confirmation import CONFIRMATIONS, PasswordConfirmation
from application.errors import ConcurrentUpdate
from application.ports.accounts import PasswordHasher, PasswordStore
from domain.account import Account


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """A caller's current password, as it was sent, and a new one that the policy accepts.

    `kept` is the id of the session or outside token that doesn't end. `address` is the client's IP
    address.
    """

    account: Account
    kept: UUID | None
    current: str = field(repr=False)
    new: str = field(repr=False)
    address: str


class ChangePassword:
    """Replace the caller's password, and end all other sessions and outside tokens of the account.

    Raises:
        WrongPassword, NotAuthenticated, RateLimited: see `PasswordConfirmation`.
        ConcurrentUpdate: the hash kept changing.
        Unavailable: the storage is unreachable, or too many passwords are waiting to be hashed.
    """

    def __init__(
        self,
        confirm: PasswordConfirmation,
        store: PasswordStore,
        passwords: PasswordHasher,
        ended: EndedSessions,
    ) -> None:
        self._confirm = confirm
        self._store = store
        self._passwords = passwords
        self._ended = ended

    async def __call__(self, change: PasswordChange) -> None:
        """Change the password. This is durable on return."""
        for _ in range(CONFIRMATIONS):
            login = await self._confirm(change.account, change.current, change.address)
            new_hash = await self._passwords.hash(change.new)
            ended = await self._store.change(
                login.account.id, login.password_hash, new_hash, change.kept
            )
            if ended is not None:
                self._ended.follow_up_all(login.account.id, ended, change.address)
                return
        raise ConcurrentUpdate
