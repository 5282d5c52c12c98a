"""Password hashing with argon2id (RFC 9106) in threads."""

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

#: The parameters of the OWASP Password Storage Cheat Sheet. The memory cost is in KiB.
MEMORY_COST: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1

#: The option of mallopt(3), and the size in bytes from which glibc maps a block separately.
_M_MMAP_THRESHOLD: Final = -3
_BLOCK: Final = 1024 * 1024


def _return_memory() -> None:
    """Configure glibc to return the 19 MiB of each hash to the system at once.

    By default glibc raises the threshold when it frees such a block, and then allocates the next
    blocks in the heap of the thread (mallopt(3), M_MMAP_THRESHOLD).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl and macOS do not have it
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BLOCK)


class Argon2Passwords:
    """`PasswordHasher` with argon2id in `at_once` threads of its own.

    A running call takes 19 MiB. Further calls wait. A waiting call that is cancelled never runs. A
    password may contain any code points, lone surrogates included.
    """

    def __init__(self, at_once: int = 2) -> None:
        self._hasher = argon2.PasswordHasher(TIME_COST, MEMORY_COST, PARALLELISM)
        _return_memory()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._dummy_hash: str | None = None
        self._making_dummy_hash = threading.Lock()

    async def hash(self, password: str) -> str:
        """Return a hash to store. It contains its parameters and its salt."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches the stored hash.

        Without a hash it returns False, and takes as long as for a wrong password. A string that is
        no argon2 hash matches no password.
        """
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash has other parameters than the current ones, or is no hash."""
        try:
            return self._hasher.check_needs_rehash(stored)
        except ValueError:
            return True

    def close(self) -> None:
        """Wait for all running and waiting calls, then end the threads."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _verify(self, stored: str | None, password: str) -> bool:
        # Made even if there is a hash. Otherwise the first unknown account would take longer.
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
    # UTF-8 cannot encode a lone surrogate, but it must be a wrong password and no error.
    return password.encode("utf-8", "surrogatepass")
