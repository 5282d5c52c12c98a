"""The idempotency keys of requests that are running in this process."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from application.errors import IdempotencyInProgress
from domain.ids import UserId

_Key = tuple[UserId, str]


class KeysInFlight:
    """Runs requests with the same key one after the other.

    Without this, they would meet in the storage, and all but one of them would poll.
    """

    def __init__(self) -> None:
        self._locks: dict[_Key, asyncio.Lock] = {}
        self._requests: Counter[_Key] = Counter()

    @asynccontextmanager
    async def hold(self, owner: UserId, key: str, timeout_seconds: float) -> AsyncIterator[None]:
        """Hold a user's key for the duration of the block.

        Raises:
            IdempotencyInProgress: another request has held the key for `timeout_seconds`.
        """
        held = (owner, key)
        lock = self._locks.setdefault(held, asyncio.Lock())
        self._requests[held] += 1
        try:
            await _acquire(lock, timeout_seconds)
            try:
                yield
            finally:
                lock.release()
        finally:
            self._requests[held] -= 1
            if not self._requests[held]:
                del self._requests[held], self._locks[held]


async def _acquire(lock: asyncio.Lock, timeout_seconds: float) -> None:
    try:
        async with asyncio.timeout(timeout_seconds):
            await lock.acquire()
    except TimeoutError:
        raise IdempotencyInProgress from None
