"""Passwords: argon2id (RFC 9106), off the event loop."""

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

#: The OWASP Password Storage Cheat Sheet's; 19 MiB, in KiB.
MEMORY_COST: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1

#: mallopt's parameter, and the bytes from which on a block is mapped by itself, for good.
_M_MMAP_THRESHOLD: Final = -3
_BLOCK: Final = 1024 * 1024


def _give_memory_back() -> None:
    """Have glibc return each hash's 19 MiB to the system as soon as the hash is made.

    Once it has freed a block of that size, it would keep the next ones in the heap of the thread
    that asked (mallopt(3), M_MMAP_THRESHOLD: the dynamic threshold).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl and macOS have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BLOCK)


class Argon2Passwords:
    """Hashes and verifies passwords, `at_once` of them at a time in threads of their own.

    Each takes 19 MiB while it runs. More of them wait, and one that is cancelled while it waits is
    never begun. A password is any text, whatever code points it holds.
    """

    def __init__(self, at_once: int = 2) -> None:
        self._hasher = argon2.PasswordHasher(TIME_COST, MEMORY_COST, PARALLELISM)
        _give_memory_back()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._nobodys_hash: str | None = None
        self._making_nobodys_hash = threading.Lock()

    async def hash(self, password: str) -> str:
        """A hash to store, with its parameters and its salt in it."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; None (no such account) takes as long as a wrong one.

        What is no argon2 hash matches no password.
        """
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's, or is none at all."""
        try:
            return self._hasher.check_needs_rehash(stored)
        except ValueError:
            return True

    def close(self) -> None:
        """End the threads, when what they have begun, or have waiting, is done."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _verify(self, stored: str | None, password: str) -> bool:
        # Made before the first answer of either kind, or the first unknown account would be slower.
        nobodys_hash = self._hash_of_nobody()
        try:
            self._hasher.verify(nobodys_hash if stored is None else stored, _bytes(password))
        except (Argon2Error, ValueError):
            return False
        return stored is not None

    def _hash_of_nobody(self) -> str:
        with self._making_nobodys_hash:
            if self._nobodys_hash is None:
                self._nobodys_hash = self._hasher.hash(secrets.token_bytes(32))
            return self._nobodys_hash


def _bytes(password: str) -> bytes:
    # A lone surrogate has no UTF-8; it is still a wrong password, and not an error.
    return password.encode("utf-8", "surrogatepass")
