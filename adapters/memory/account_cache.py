"""What every request asks of an account, without a query for every request."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from application.errors import Unavailable
from application.ports.accounts import Accounts
from domain.account import User
from domain.ids import UserId

#: Seconds for which an account counts as it was read: half of what the contract allows.
FRESH: Final = 1.0
#: Accounts that are remembered; the ones that asked longest ago are forgotten first.
REMEMBERED: Final = 10_000


class TimedAccountCache:
    """`AccountCache` over the accounts: each is read once a second at most.

    Whoever asks while the account is being read waits for that reading. While the storage is out
    of reach an account is as it was last read (nobody can have changed it there meanwhile), and
    that too is tried once a second only.
    """

    def __init__(self, accounts: Accounts, monotonic: Callable[[], float]) -> None:
        self._accounts = accounts
        self._monotonic = monotonic
        self._known: OrderedDict[UserId, tuple[float, User | None]] = OrderedDict()
        self._readings: dict[UserId, asyncio.Future[User | None]] = {}

    async def get(self, user_id: UserId) -> User | None:
        """The account as it stood at most a second ago, or None."""
        read_at, user = self._known.get(user_id, (None, None))
        if read_at is not None and self._monotonic() - read_at < FRESH:
            return user
        reading = self._readings.get(user_id)
        if reading is None:
            reading = asyncio.ensure_future(self._read(user_id))
            self._readings[user_id] = reading
            reading.add_done_callback(lambda _: self._readings.pop(user_id))
        # Shielded: one who goes away takes the reading from nobody else.
        return await asyncio.shield(reading)

    async def _read(self, user_id: UserId) -> User | None:
        try:
            user = await self._accounts.find(user_id)
        except Unavailable:
            if user_id not in self._known:
                raise
            user = self._known[user_id][1]
        self._known[user_id] = (self._monotonic(), user)
        self._known.move_to_end(user_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return user
