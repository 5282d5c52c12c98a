"""A process's view of accounts and revoked tokens, which follows the feed of access changes."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from adapters.memory.account_cache import AccountCache
from adapters.memory.shared_task import result_of, shared_task
from application.errors import Unavailable
from application.ports.access_changes import AccessChange, AccessChangeKind, AccessChanges
from application.ports.accounts import AccessClaims, Accounts
from application.ports.system import Clock
from domain.account import Account
from domain.ids import UserId

#: Seconds after which the feed is read again, and after which requests wait for that. Both are less
#: than the 2 s that we promise.
READ_AFTER_SECONDS: Final = 1.0
WAIT_AFTER_SECONDS: Final = 1.5
#: Seconds for which the view is used if the feed is unreachable, and until the next attempt.
USE_FOR_SECONDS: Final = 5.0
RETRY_AFTER_SECONDS: Final = 1.0
#: Seconds after which the whole feed is loaded again, because the purger may have deleted changes
#: in the meantime. It keeps changes of accounts for a day.
RELOAD_AFTER_SECONDS: Final = 3_600.0
#: Seconds after which revoked tokens that have expired meanwhile are forgotten.
FORGET_AFTER_SECONDS: Final = 600.0


class FollowedAccess:
    """An `AccessState` that reads the feed at most once a second, and only if it is used.

    All requests share the same read. Nothing is read while there are no requests, because some
    databases are billed by use.
    """

    def __init__(
        self,
        changes: AccessChanges,
        accounts: Accounts,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._changes = changes
        self._clock = clock
        self._monotonic = monotonic
        self._accounts = AccountCache(accounts)
        #: Revoked tokens, sessions and clients, and when their last token expires.
        self._revoked: dict[UUID, datetime] = {}
        self._position = 0
        self._last_ids: set[int] = set()
        self._read_at = -USE_FOR_SECONDS - RELOAD_AFTER_SECONDS
        self._failed_at = -RETRY_AFTER_SECONDS
        self._forgot_at = 0.0
        self._reading: asyncio.Task[Unavailable | None] | None = None

    async def account_of(self, claims: AccessClaims) -> Account | None:
        """Return a token's account, or None if it doesn't exist or the token has been revoked."""
        # Every request runs this. Calling `is_revoked` would make it take half as long again.
        if self._monotonic() - self._read_at >= READ_AFTER_SECONDS:
            await self._catch_up()
        revoked = self._revoked
        if revoked and (claims.token_id in revoked or claims.family in revoked):
            return None
        account = self._accounts.cached.get(claims.user_id)
        return account or await self._accounts.read(claims.user_id)

    async def is_revoked(self, claims: AccessClaims) -> bool:
        """Return whether a token, its session or its client has been revoked."""
        if self._age() >= READ_AFTER_SECONDS:
            await self._catch_up()
        return claims.token_id in self._revoked or claims.family in self._revoked

    def apply(self, change: AccessChange) -> None:
        """Apply a change that this process has made, without waiting for the feed."""
        if change.kind is AccessChangeKind.ACCOUNT:
            self._accounts.forget(UserId(change.subject))
        else:
            self._revoked[change.subject] = change.expires_at

    def _age(self) -> float:
        """Return the age of the view in seconds."""
        return self._monotonic() - self._read_at

    async def _catch_up(self) -> None:
        """Read the feed, and wait for that if the view is too old to be used meanwhile.

        Raises:
            Unavailable: the feed is unreachable, and the view is too old to be used at all.
        """
        error = await self._read_shared()
        if error is not None and self._age() >= USE_FOR_SECONDS:
            raise error

    async def _read_shared(self) -> Unavailable | None:
        """Start a read or join the one in progress. Return an error if the feed is unreachable."""
        if self._reading is None:
            if self._monotonic() - self._failed_at < RETRY_AFTER_SECONDS:
                return Unavailable()
            self._reading = shared_task(self._read())
        if self._age() < WAIT_AFTER_SECONDS:
            return None
        try:
            return await result_of(self._reading)
        except Unavailable as error:
            return error

    async def _read(self) -> Unavailable | None:
        """Read the feed once. Return the error if it is unreachable."""
        began_at = self._monotonic()
        try:
            await self._follow(began_at)
        except Unavailable as error:
            self._failed_at = self._monotonic()
            return error
        else:
            self._read_at = began_at
            return None
        finally:
            self._reading = None

    async def _follow(self, began_at: float) -> None:
        now = self._clock.now()
        if began_at - self._forgot_at > FORGET_AFTER_SECONDS:
            self._revoked = {each: until for each, until in self._revoked.items() if until > now}
            self._forgot_at = began_at
        if began_at - self._read_at > RELOAD_AFTER_SECONDS:
            self._start_over()
        page = await self._changes.read(self._position, now)
        if page.position < self._position:  # the storage has been replaced
            self._start_over()
            page = await self._changes.read(0, now)
        for number, change in page.changes:
            if number not in self._last_ids:
                self.apply(change)
        self._last_ids = {number for number, _ in page.changes}
        self._position = page.position

    def _start_over(self) -> None:
        self._accounts.forget_all()
        self._position = 0
        self._last_ids = set()
