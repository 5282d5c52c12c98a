"""Reading all personal data of an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.documents import OrderDocument
from application.ports.sessions import Session
from domain.ids import OrderId, SessionId, UserId
from domain.order.history import Step


@dataclass(frozen=True, slots=True)
class ExportedOrder:
    """An order with its history, as of the same moment."""

    id: OrderId
    document: OrderDocument
    steps: Sequence[Step]


class ExportReader(Protocol):
    """Reads an account's data in pages, oldest first.

    The cost of a page only depends on its size.
    """

    async def sessions(
        self, user_id: UserId, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """Return at most `limit` sessions with ids after `after`."""

    async def orders(
        self, user_id: UserId, after: OrderId | None, limit: int
    ) -> Sequence[ExportedOrder]:
        """Return at most `limit` orders with ids after `after`."""
