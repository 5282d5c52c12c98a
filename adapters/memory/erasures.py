"""Erase personal data in memory."""

from asyncio import sleep
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from adapters.memory.orders_table import StoredOrder
from adapters.memory.storage import MemoryStorage
from application.delivery.dead_letters import ERASED_REASON, without_reason
from application.documents import Event
from application.ports.accounts import Login
from application.ports.cache_debts import CacheDebt
from application.ports.dead_letters import DeadLetter
from application.ports.erasures import ErasedPart, Erasure, PersonalDataEraser
from application.ports.orders import OrderRenderer
from application.ports.system import Clock
from domain.account import erased_email
from domain.actor import Role
from domain.ids import OrderId, UserId


@dataclass(slots=True)
class _State:
    due_at: datetime
    passes: int = 0


class MemoryErasures:
    """`Erasures` in memory. Nothing is ever locked, so one call erases everything."""

    def __init__(
        self,
        storage: MemoryStorage,
        eraser: PersonalDataEraser,
        renderer: OrderRenderer,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._eraser = eraser
        self._renderer = renderer
        self._clock = clock
        self._states: dict[UserId, _State] = {}

    async def begin(self, user_id: UserId, old_hash: str, new_hash: str, next_at: datetime) -> bool:
        """Close an account and erase its address, unless its hash isn't `old_hash` any more."""
        await sleep(0)
        login = self._storage.logins.get(user_id)
        if login is None or login.password_hash != old_hash or login.account.disabled:
            return False
        del self._storage.user_ids_by_email[login.account.email]
        email = erased_email(user_id)
        account = replace(login.account, email=email, role=Role.USER, disabled=True)
        self._storage.logins[user_id] = Login(account, new_hash)
        self._storage.user_ids_by_email[email] = user_id
        self._storage.close_outside_identities(user_id)
        self._storage.note_account_change(user_id)
        self._storage.erased.add(user_id)
        self._states[user_id] = _State(next_at)
        return True

    async def due(self, now: datetime, limit: int) -> Sequence[Erasure]:
        """Return at most `limit` erasures that are due, starting with the most overdue."""
        due = sorted(
            (state.due_at, user_id)
            for user_id, state in self._states.items()
            if state.due_at <= now
        )
        return [Erasure(user_id, self._states[user_id].passes) for _, user_id in due[:limit]]

    async def erase_some(self, user_id: UserId, limit: int) -> ErasedPart:  # noqa: ARG002 - from the port
        """Erase everything."""
        await sleep(0)
        if user_id not in self._states:
            return ErasedPart((), has_more=False, has_skipped=False)
        self._end_sessions(user_id)
        own = {
            stored.record.id: stored
            for stored in self._storage.orders.newest_first(user_id, None, None)
        }
        for stored in own.values():
            self._erase_record(stored)
        for stored in self._storage.orders.newest_first(None, None, None):
            _erase_reasons(stored, user_id)
        self._erase_messages(user_id, own.keys())
        now = self._clock.now()
        self._storage.cache_debts |= dict.fromkeys(own, now)
        debts = [CacheDebt(order_id, now) for order_id in own]
        return ErasedPart(debts, has_more=False, has_skipped=False)

    async def end_pass(self, erasure: Erasure, passes: int, next_at: datetime | None) -> None:
        """Begin the next pass at `next_at`, or complete the erasure if it's None."""
        state = self._states.get(erasure.user_id)
        if state is None or state.passes != erasure.passes:
            return
        if next_at is None:
            del self._states[erasure.user_id]
        else:
            self._states[erasure.user_id] = _State(next_at, passes)

    def _end_sessions(self, user_id: UserId) -> None:
        self._storage.end_sessions_of(user_id)
        for key in [each for each in self._storage.idempotency_keys if each[0] == user_id]:
            del self._storage.idempotency_keys[key]

    def _erase_record(self, stored: StoredOrder) -> None:
        self._storage.orders.drop_reference(stored.record)
        items = self._eraser.items(stored.record.items)
        stored.record = stored.record._replace(reference=None, items=items)
        stored.document = self._renderer.document(stored.record)

    def _erase_messages(self, user_id: UserId, own: Collection[OrderId]) -> None:
        keys = {str(order_id).encode() for order_id in own}

        def is_owners(letter: DeadLetter) -> bool:
            return letter.order_id in own or letter.key in keys

        letters = self._storage.dead_letters.replace_each(
            lambda letter: self._letter(letter, user_id, is_owner=is_owners(letter))
        )
        subjects = {*own, *(letter.id for letter in letters if is_owners(letter))}
        erase = self._erasing(user_id, subjects)
        self._storage.outbox.replace_each(erase)
        self._storage.replays.replace_each(erase)

    def _erasing(self, user_id: UserId, subjects: set[UUID]) -> Callable[[Event], Event]:
        def erase(event: Event) -> Event:
            is_owner, original = event.subject in subjects, event.original
            if original is not None and is_owner:
                original = replace(original, headers=without_reason(original.headers))
            payload = self._payload(event.payload, user_id, is_owner=is_owner)
            return replace(event, payload=payload, original=original)

        return erase

    def _letter(self, letter: DeadLetter, user_id: UserId, *, is_owner: bool) -> DeadLetter:
        erased = replace(letter, value=self._payload(letter.value, user_id, is_owner=is_owner))
        if not is_owner:
            return erased
        return replace(erased, reason=ERASED_REASON, headers=without_reason(letter.headers))

    def _payload(self, payload: bytes | None, user_id: UserId, *, is_owner: bool) -> bytes | None:
        if payload is None:
            return None
        return self._eraser.event(payload, user_id, is_owner=is_owner)


def _erase_reasons(stored: StoredOrder, user_id: UserId) -> None:
    stored.steps = tuple(
        replace(step, reason=None) if step.by.user_id == user_id else step for step in stored.steps
    )
