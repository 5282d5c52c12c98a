"""Erasing the personal data of closed accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.cache_debts import CacheDebt
from domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that isn't complete. Each takes several passes over the person's data."""

    user_id: UserId
    #: The number of complete passes.
    passes: int = 0


@dataclass(frozen=True, slots=True)
class ErasedPart:
    """The result of one transaction.

    `debts` are the orders that changed. Their cached copies are stale until the debts are settled.
    If `has_skipped`, this pass has skipped rows that another transaction had locked, so it has to
    be repeated.
    """

    debts: Sequence[CacheDebt]
    has_more: bool
    has_skipped: bool


class Erasures(Protocol):
    """Closes accounts and erases personal data in small transactions.

    An order keeps its items, prices, status and times. Its reference, the attributes of its items,
    and reasons written by the person are erased, from the orders themselves and from every copy in
    events and dead letters. Sessions and idempotency keys are deleted.
    """

    async def begin(self, user_id: UserId, old_hash: str, new_hash: str, next_at: datetime) -> bool:
        """Close an account, and erase its address, unless its hash isn't `old_hash` any more.

        The address is free again on return, logins fail and tokens end. Subjects of the outside
        issuer no longer belong to the account. Only their digests and the time are kept, so that no
        token from before then opens a new account. If the process ends before the rest is done, the
        erasure is due at `next_at`. Return False without changing anything if another request was
        faster.
        """

    async def due(self, now: datetime, limit: int) -> Sequence[Erasure]:
        """Return at most `limit` erasures that are due, starting with the most overdue."""

    async def erase_some(self, user_id: UserId, limit: int) -> ErasedPart:
        """Erase at most `limit` rows of each kind, continuing the current pass.

        If rows had to be skipped, wait for a moment before returning.
        """

    async def end_pass(self, erasure: Erasure, passes: int, next_at: datetime | None) -> None:
        """Begin the next pass at `next_at`, or complete the erasure if it's None.

        `passes` is the number of complete passes. Does nothing if another process was faster.
        """


class PersonalDataEraser(Protocol):
    """Removes personal data from stored JSON without changing anything else."""

    def items(self, items: str) -> str:
        """Return an order's items without their attributes."""

    def event(self, payload: bytes, author: UserId, *, is_owner: bool) -> bytes:
        """Return an event's payload without personal data.

        A reason is removed if `author` wrote it. If `is_owner` is set, the order's reference and
        attributes are removed too, and a payload that isn't a JSON object becomes empty.
        """
