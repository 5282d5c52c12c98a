"""Export the caller's personal data (GDPR, articles 15 and 20)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

from application.accounts.read_account import ReadAccount
from application.ports.export import ExportedOrder, ExportReader
from application.ports.outside_issuer import OutsideIdentities, OutsideIdentity
from application.ports.sessions import Session
from domain.account import Account
from domain.ids import UserId

#: An order may have several hundred kilobytes, so a page may have a few megabytes.
PAGE: Final = 25


@dataclass(frozen=True, slots=True)
class ExportEnd:
    """The end of a complete export, with the numbers of exported sessions and orders."""

    sessions: int
    orders: int


ExportItem: TypeAlias = Account | OutsideIdentity | Session | ExportedOrder | ExportEnd


class _Item(Protocol):
    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=_Item)


class ExportAccount:
    """Read everything that is stored about a user, in pages.

    Each order is exported with its history as of the same moment, but different orders are read at
    different times. An order placed during the export may be missing.

    Raises:
        NotAuthenticated: the account no longer exists or is disabled.
        Unavailable: the storage is unreachable. The export is incomplete.
    """

    def __init__(
        self, read: ReadAccount, identities: OutsideIdentities, reader: ExportReader
    ) -> None:
        self._read = read
        self._identities = identities
        self._reader = reader

    async def __call__(self, user_id: UserId) -> AsyncIterator[Sequence[ExportItem]]:
        """Yield pages: the account and its outside identities, sessions, orders, and the end."""
        yield [await self._read(user_id), *await self._identities.of_user(user_id)]
        sessions = orders = 0
        async for session_page in _pages(self._reader.sessions, user_id):
            sessions += len(session_page)
            yield session_page
        async for order_page in _pages(self._reader.orders, user_id):
            orders += len(order_page)
            yield order_page
        yield [ExportEnd(sessions, orders)]


async def _pages(
    read: Callable[..., Awaitable[Sequence[T]]], user_id: UserId
) -> AsyncIterator[Sequence[T]]:
    after, is_last = None, False
    while not is_last:
        page = await read(user_id, after, PAGE)
        is_last = len(page) < PAGE
        if page:
            after = page[-1].id
            yield page
