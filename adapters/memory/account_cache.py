"""An account cache that avoids a query each time a request is authenticated."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from application.errors import Unavailable
from application.ports.accounts import Accounts
from domain.account import Account
from domain.ids import UserId

#: Seconds until an account is read again. This is half of the 2 s that we promise.
FRESH_SECONDS: Final = 1.0
#: The maximum number of cached accounts. The least recently read ones are evicted first.
MAX_ENTRIES: Final = 10_000


class TimedAccountCache:
    """An in-process `AccountCache` that reads each account at most once per second.

    Concurrent calls for the same account share a read. While the storage is unreachable, the last
    known state is returned (it can't have changed), and another read is attempted every second.
    """

    def __init__(self, accounts: Accounts, monotonic: Callable[[], float]) -> None:
        self._accounts = accounts
        self._monotonic = monotonic
        self._known: OrderedDict[UserId, tuple[float, Account | None]] = OrderedDict()
        self._readings: dict[UserId, asyncio.Future[Account | None]] = {}

    async def get(self, user_id: UserId) -> Account | None:
        """Return the account, which is at most a second old, or None."""
        read_at, account = self._known.get(user_id, (None, None))
        if read_at is not None and self._monotonic() - read_at < FRESH_SECONDS:
            return account
        reading = self._readings.get(user_id)
        if reading is None:
            reading = asyncio.ensure_future(self._read(user_id))
            self._readings[user_id] = reading
            reading.add_done_callback(lambda _: self._readings.pop(user_id))
        # If this caller is canceled, the read must continue for the other callers.
        return await asyncio.shield(reading)

    async def _read(self, user_id: UserId) -> Account | None:
        try:
            account = await self._accounts.find(user_id)
        except Unavailable:
            if user_id not in self._known:
                raise
            account = self._known[user_id][1]
        self._known[user_id] = (self._monotonic(), account)
        self._known.move_to_end(user_id)
        if len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
        return account
