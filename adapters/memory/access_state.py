"""A process's view of accounts and revoked tokens, which follows the feed of access changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from datetime import datetime
from typing import Final
from uuid import UUID

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
#: The maximum number of cached accounts. The ones that were read first are evicted first.
MAX_ACCOUNTS: Final = 10_000


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
        self._accounts = _Accounts(accounts)
        #: Revoked tokens, sessions and clients, and when their last token expires.
        self._revoked: dict[UUID, datetime] = {}
        self._position = 0
        self._last_ids: set[int] = set()
        self._read_at = -USE_FOR_SECONDS - RELOAD_AFTER_SECONDS
        self._failed_at = -RETRY_AFTER_SECONDS
        self._reading: asyncio.Task[Unavailable | None] | None = None

    async def account_of(self, claims: AccessClaims) -> Account | None:
        """Return a token's account, or None if it doesn't exist or the token has been revoked."""
        if await self.is_revoked(claims):
            return None
        account = self._accounts.cached.get(claims.user_id)
        return account or await self._accounts.read(claims.user_id)

    async def is_revoked(self, claims: AccessClaims) -> bool:
        """Return whether a token, its session or its client has been revoked."""
        age = self._monotonic() - self._read_at
        if age >= READ_AFTER_SECONDS:
            await self._catch_up(age)
        return claims.token_id in self._revoked or claims.family in self._revoked

    def apply(self, change: AccessChange) -> None:
        """Apply a change that this process has made, without waiting for the feed."""
        if change.kind is AccessChangeKind.ACCOUNT:
            self._accounts.forget(UserId(change.subject))
        else:
            self._revoked[change.subject] = change.expires_at

    async def _catch_up(self, age: float) -> None:
        """Read the feed, and wait for that if the view is too old to be used meanwhile.

        Raises:
            Unavailable: the feed is unreachable, and the view is too old to be used at all.
        """
        error = None
        if self._reading is None and self._monotonic() - self._failed_at < RETRY_AFTER_SECONDS:
            error = Unavailable()
        else:
            if self._reading is None:
                # Use an empty context because this request's deadline must not apply to others.
                self._reading = asyncio.create_task(self._read(), context=Context())
            if age < WAIT_AFTER_SECONDS:
                return
            # If this request is canceled, the read must continue for the others.
            error = await asyncio.shield(self._reading)
        if error is not None and age >= USE_FOR_SECONDS:
            raise error

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
        if began_at - self._read_at > RELOAD_AFTER_SECONDS:
            self._start_over()
        now = self._clock.now()
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
        now = self._clock.now()
        self._revoked = {each: until for each, until in self._revoked.items() if until > now}
        self._accounts.forget_all()
        self._position = 0
        self._last_ids = set()


class _Accounts:
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
            reading = asyncio.create_task(self._read(user_id), context=Context())
            self._readings[user_id] = reading
        return await asyncio.shield(reading)

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
