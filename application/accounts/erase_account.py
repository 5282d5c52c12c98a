"""Close the caller's account and erase the person's data."""

from datetime import timedelta
from typing import Final

from application.accounts.close_account import AccountClosure, CloseAccount
from application.accounts.erase_personal_data import ErasePersonalData
from application.errors import Unavailable
from application.ports.access_changes import AccessChange, AccessChangeKind, AccessState
from application.ports.erasures import Erasure
from application.ports.system import Clock

#: How long a request erases data by itself. The rest is done in the background.
WITHIN: Final = timedelta(seconds=1)


class EraseAccount:
    """Close an account, which ends its logins and tokens, and then erase the person's data.

    Raises:
        WrongPassword, NotAuthenticated, RateLimited, ConcurrentUpdate, Unavailable: see
            `CloseAccount`. The account remains open.
    """

    def __init__(
        self, close: CloseAccount, erase: ErasePersonalData, access: AccessState, clock: Clock
    ) -> None:
        self._close = close
        self._erase = erase
        self._access = access
        self._clock = clock

    async def __call__(self, closure: AccountClosure) -> None:
        """Close the account and erase as much as possible within `WITHIN`."""
        erasure = await self._close(closure)
        # Other processes follow within 2 s, because closing the account has added it to the feed.
        self._access.apply(
            AccessChange(AccessChangeKind.ACCOUNT, erasure.user_id, self._clock.now())
        )
        try:
            await self._erase_now(erasure)
        except Unavailable:
            return  # the account is closed, and the rest is due in the background

    async def _erase_now(self, erasure: Erasure) -> None:
        until = self._clock.now() + WITHIN
        is_done = False
        while not is_done and self._clock.now() < until:
            is_done = await self._erase(erasure, lambda: self._clock.now() < until)
