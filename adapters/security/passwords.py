"""Password hashes by argon2id (RFC 9106), outside the event loop."""

import asyncio
import ctypes
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import Argon2Error

T = TypeVar("T")

#: The parameters of the OWASP Password Storage Cheat Sheet; 19 MiB, in KiB.
MEMORY_COST: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1

#: The parameter of mallopt(3), and the size from which glibc maps each block separately.
_M_MMAP_THRESHOLD: Final = -3
_BLOCK: Final = 1024 * 1024


def _return_memory() -> None:
    """Configure glibc to return the 19 MiB of each hash to the system at once.

    By default glibc raises its threshold after it has freed such a block, and keeps later blocks in
    the heap of the thread (mallopt(3), M_MMAP_THRESHOLD).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl and macOS have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BLOCK)


class Argon2Passwords:
    """`PasswordHasher` by argon2id, in `at_once` threads of its own.

    A call takes 19 MiB while it runs. Further calls wait; a waiting call that is cancelled never
    runs. A password is any string, with any code points.
    """

    def __init__(self, at_once: int = 2) -> None:
        self._hasher = argon2.PasswordHasher(TIME_COST, MEMORY_COST, PARALLELISM)
        _return_memory()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._dummy_hash: str | None = None
        self._making_dummy_hash = threading.Lock()

    async def hash(self, password: str) -> str:
        """Return a hash to store, which contains its parameters and its salt."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches. Without a hash it takes as long as a mismatch.

        A string that is no argon2 hash matches no password.
        """
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash has other parameters than the present ones, or is no hash."""
        try:
            return self._hasher.check_needs_rehash(stored)
        except ValueError:
            return True

    def close(self) -> None:
        """End the threads after all running and waiting calls."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _verify(self, stored: str | None, password: str) -> bool:
        # Made at the first call of either kind, or the first unknown account would take longer.
        dummy_hash = self._get_dummy_hash()
        try:
            self._hasher.verify(dummy_hash if stored is None else stored, _bytes(password))
        except (Argon2Error, ValueError):
            return False
        return stored is not None

    def _get_dummy_hash(self) -> str:
        with self._making_dummy_hash:
            if self._dummy_hash is None:
                self._dummy_hash = self._hasher.hash(secrets.token_bytes(32))
            return self._dummy_hash


def _bytes(password: str) -> bytes:
    # A lone surrogate has no UTF-8. It is a wrong password, not an error.
    return password.encode("utf-8", "surrogatepass")
