"""The idempotency keys of requests that are running in this process."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from application.errors import IdempotencyInProgress
from domain.ids import UserId

_Key: TypeAlias = tuple[int, str]


class KeysInFlight:
    """Runs requests with the same key one after the other.

    Without this, they would meet in the storage, and all but one of them would poll.
    """

    def __init__(self) -> None:
        #: The turns of the requests that wait for each held key, in order of arrival.
        self._waiting: dict[_Key, deque[asyncio.Future[None]]] = {}

    def hold(self, owner: UserId, key: str, timeout_seconds: float) -> "_Hold":
        """Hold a user's key for the duration of an `async with` block.

        Raises:
            IdempotencyInProgress: another request has held the key for `timeout_seconds`.
        """
        return _Hold(self, (owner.int, key), timeout_seconds)

    async def acquire(self, key: _Key, timeout_seconds: float) -> None:
        """Acquire a key. Most keys are free, and then this is cheaper than an `asyncio.Lock`."""
        if key not in self._waiting:
            self._waiting[key] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[key].append(turn)
        try:
            async with asyncio.timeout(timeout_seconds):
                await turn
        except BaseException as error:
            if not turn.cancelled():  # the key was handed over at the same time
                self.release(key)
            if isinstance(error, TimeoutError):
                raise IdempotencyInProgress from None
            raise

    def release(self, key: _Key) -> None:
        """Hand the key over to the next request, or free it."""
        waiting = self._waiting[key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[key]


@dataclass(frozen=True, slots=True)
class _Hold:
    keys: KeysInFlight
    key: _Key
    timeout_seconds: float

    async def __aenter__(self) -> None:
        await self.keys.acquire(self.key, self.timeout_seconds)

    async def __aexit__(self, *_: object) -> None:
        self.keys.release(self.key)
