"""A cache of accounts that lasts until they change."""

import asyncio
from collections import OrderedDict
from typing import Final

from adapters.memory.shared_task import result_of, shared_task
from application.ports.accounts import Accounts
from domain.account import Account
from domain.ids import UserId

#: The maximum number of cached accounts. The ones that were read first are evicted first.
MAX_ACCOUNTS: Final = 10_000


class AccountCache:
    """Accounts by id. They are only read again after they have changed."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.cached: OrderedDict[UserId, Account] = OrderedDict()
        self._readings: dict[UserId, asyncio.Task[Account | None]] = {}

    async def read(self, user_id: UserId) -> Account | None:
        """Read an account. Concurrent calls for the same account share a read.

        Raises:
            Unavailable: the storage is unreachable.
        """
        reading = self._readings.get(user_id)
        if reading is None:
            reading = self._readings[user_id] = shared_task(self._read(user_id))
        return await result_of(reading)

    def forget(self, user_id: UserId) -> None:
        """Read an account again when it is next used. A running read may return its old state."""
        self.cached.pop(user_id, None)
        self._readings.pop(user_id, None)

    def forget_all(self) -> None:
        """Read every account again when it is next used."""
        self.cached.clear()
        self._readings.clear()

    async def _read(self, user_id: UserId) -> Account | None:
        this = asyncio.current_task()
        try:
            account = await self._accounts.find(user_id)
            if account is not None and self._readings.get(user_id) is this:
                self.cached[user_id] = account
                if len(self.cached) > MAX_ACCOUNTS:
                    self.cached.popitem(last=False)
        finally:
            if self._readings.get(user_id) is this:
                del self._readings[user_id]
        return account
