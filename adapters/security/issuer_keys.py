"""Caches the keys of an issuer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Final

from adapters.security.issuer_client import IssuerError
from adapters.security.jwk_set import KeySet
from application.errors import IssuerUnavailable, NotAuthenticated
from libraries.outages import outages

#: Seconds after which the keys are fetched again, and for which they are used if that fails.
FRESH_SECONDS: Final = 600.0
USABLE_SECONDS: Final = 86_400.0
#: Seconds between the end of an attempt and the next one, whatever the requests ask for.
RETRY_SECONDS: Final = 5.0
#: Seconds for which a request waits for the issuer. The attempt continues without it.
WAIT_SECONDS: Final = 1.5


class IssuerKeys:
    """The keys of an issuer, which are fetched when they are needed.

    All requests share the same attempt. Only requests whose key is unknown wait for it.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[KeySet]],
        monotonic: Callable[[], float],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._wait_seconds = wait_seconds
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._has_failed = False
        self._attempted_at = -float("inf")
        self._attempt: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """Return the key that a token's header selects.

        Raises:
            NotAuthenticated: the issuer does not have such a key, or not for this algorithm.
            IssuerUnavailable: the key is unknown, and the issuer is unreachable.
        """
        keys = self._usable()
        is_needed = keys is None or not keys.knows(kid)
        if is_needed or self._age() >= FRESH_SECONDS:
            self._start_attempt()
        if is_needed:
            await self._wait()
            keys = self._usable()
        if keys is None:
            raise IssuerUnavailable
        key = keys.find(kid, algorithm)
        if key is not None:
            return key
        # If the last attempt has failed, the key may be a new one.
        is_unjudged = self._attempt is not None or self._has_failed
        raise IssuerUnavailable if is_unjudged and not keys.knows(kid) else NotAuthenticated

    async def close(self) -> None:
        """Cancel the attempt in progress."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _usable(self) -> KeySet | None:
        return self._keys if self._age() < USABLE_SECONDS else None

    def _start_attempt(self) -> None:
        is_early = self._monotonic() - self._attempted_at < RETRY_SECONDS
        if self._attempt is None and not is_early:
            # The attempt does not belong to a request, so it gets an empty context.
            self._attempt = asyncio.create_task(self._fetch_once(), context=Context())

    async def _wait(self) -> None:
        if self._attempt is not None:
            await asyncio.wait([self._attempt], timeout=self._wait_seconds)

    async def _fetch_once(self) -> None:
        try:
            self._keys = await self._fetch()
        except IssuerError as error:
            self._has_failed = True
            outages.note(error)
        else:
            self._has_failed = False
            self._fetched_at = self._monotonic()
            outages.end(IssuerError.server)
        finally:
            self._attempted_at = self._monotonic()
            self._attempt = None
