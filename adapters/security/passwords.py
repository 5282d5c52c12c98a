"""Hash passwords with argon2id (RFC 9106) in threads."""

import asyncio
import ctypes
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, TypeVar

import argon2
from argon2.exceptions import Argon2Error

from application.errors import NOTHING_CHANGED, TooManyPasswords
from libraries.asyncio_tools.time_budget import without_storage

T = TypeVar("T")

#: The minimum parameters from the OWASP Password Storage Cheat Sheet. The memory cost is in KiB.
MEMORY_COST: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1

#: Stored instead of a hash if no password should match.
UNUSABLE: Final = "!"

#: How many calls may run or wait. Two threads hash this many in about two seconds.
MAX_PENDING: Final = 64
#: How long a call may wait before it runs.
MAX_WAIT_SECONDS: Final = 5.0

#: The option for mallopt(3), and the minimum size for blocks to be mapped separately, in bytes.
_M_MMAP_THRESHOLD: Final = -3
_BLOCK: Final = 1024 * 1024


def _return_memory() -> None:
    """Make glibc return the memory needed for each hash to the system immediately.

    By default, glibc raises the threshold when such a block is freed, and then allocates further
    blocks on the thread's heap (see M_MMAP_THRESHOLD in mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # doesn't exist on musl and macOS
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BLOCK)


class Argon2Passwords:
    """A `PasswordHasher` that runs argon2id in `at_once` dedicated threads.

    Each running call takes `memory_cost` KiB, and all other calls have to wait. If `max_pending`
    calls are running or waiting, further calls are refused, and so is a call that had to wait for
    longer than `MAX_WAIT_SECONDS`. If a waiting call is canceled, it never runs. None of this uses
    up the time that a request may wait for the storage.

    Passwords can contain any code points, including lone surrogates.
    """

    def __init__(
        self,
        at_once: int = 2,
        max_pending: int = MAX_PENDING,
        *,
        time_cost: int = TIME_COST,
        memory_cost: int = MEMORY_COST,
        parallelism: int = PARALLELISM,
    ) -> None:
        self._hasher = argon2.PasswordHasher(time_cost, memory_cost, parallelism)
        _return_memory()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._max_pending = max_pending
        self._pending = 0
        self._dummy_hash: str | None = None
        self._making_dummy_hash = threading.Lock()

    async def hash(self, password: str) -> str:
        """Return a hash that can be stored. It includes the parameters and the salt.

        Raises:
            TooManyPasswords: too many calls are running or waiting.
        """
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches the stored hash.

        If `stored` is None or `UNUSABLE`, return False after the same time as for a wrong password.
        If it isn't an argon2 hash, none of the passwords match.

        Raises:
            TooManyPasswords: too many calls are running or waiting.
        """
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash doesn't use the current parameters or isn't a hash at all."""
        try:
            return self._hasher.check_needs_rehash(stored)
        except ValueError:
            return True

    def unusable(self) -> str:
        """Return a string that isn't a hash, which costs nothing."""
        return UNUSABLE

    def close(self) -> None:
        """Wait for all running and waiting calls, then stop the threads."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._max_pending:
            raise TooManyPasswords(NOTHING_CHANGED)
        until = monotonic() + MAX_WAIT_SECONDS

        def run() -> T:
            if monotonic() > until:
                raise TooManyPasswords(NOTHING_CHANGED)
            return work()

        self._pending += 1
        try:
            with without_storage():
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        finally:
            self._pending -= 1

    def _verify(self, stored: str | None, password: str) -> bool:
        # Create this even if it isn't needed, or the first unknown account would take longer.
        dummy_hash = self._get_dummy_hash()
        usable = None if stored == UNUSABLE else stored
        try:
            self._hasher.verify(dummy_hash if usable is None else usable, _bytes(password))
        except (Argon2Error, ValueError):
            return False
        return usable is not None

    def _get_dummy_hash(self) -> str:
        with self._making_dummy_hash:
            if self._dummy_hash is None:
                self._dummy_hash = self._hasher.hash(secrets.token_bytes(32))
            return self._dummy_hash


def _bytes(password: str) -> bytes:
    # Lone surrogates can't be encoded as UTF-8, but they should be treated as a wrong password
    # instead of causing an error.
    return password.encode("utf-8", "surrogatepass")
