"""The in-memory storage's state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from adapters.memory.dead_letters_table import DeadLettersTable
from adapters.memory.inbox_table import ProcessedMessagesTable
from adapters.memory.orders_table import OrdersTable
from adapters.memory.outbox_table import OutboxTable
from adapters.memory.replays_table import ReplaysTable
from application.documents import Event
from application.ports.access_changes import AccessChange, AccessChangeKind
from application.ports.accounts import Login
from application.ports.clients import ClientLogin
from application.ports.events import Placement
from application.ports.idempotency import IdempotencyRecord
from application.ports.outside_issuer import OutsideIdentity
from application.ports.sessions import Session
from domain.ids import ClientId, OrderId, SessionId, UserId
from domain.order.events import Outcome

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect of processing."""

    order_id: OrderId
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredToken:
    """The hash of the token that a refresh token has replaced, and when it was spent itself."""

    predecessor: bytes | None = None
    spent_at: datetime | None = None


class MemoryStorage:
    """State shared by the adapters in this package, just like real adapters share a database.

    Changes always happen between two awaits, so other tasks never see a change that is only half
    done.
    """

    def __init__(self) -> None:
        #: The storage's clock.
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.orders = OrdersTable()
        self.outbox = OutboxTable()
        self.replays = ReplaysTable()
        #: Orders for which the cache may have an older revision, and since when.
        self.cache_debts: dict[OrderId, datetime] = {}
        self.dead_letters = DeadLettersTable()
        self.inbox = ProcessedMessagesTable()
        self.effects: list[Effect] = []
        #: Published but unprocessed orders, and when they were last handed over.
        self.unprocessed: dict[OrderId, datetime] = {}
        self.logins: dict[UserId, Login] = {}
        self.user_ids_by_email: dict[str, UserId] = {}
        #: The record of each user's keys, and when it was stored.
        self.idempotency_keys: dict[tuple[UserId, str], tuple[IdempotencyRecord, datetime]] = {}
        #: The users whose orders have lost personal data without a new revision.
        self.erased: set[UserId] = set()
        self.sessions: dict[SessionId, Session] = {}
        self.session_ids_by_handle: dict[bytes, SessionId] = {}
        #: The refresh tokens of each session.
        self.refresh_tokens: dict[SessionId, dict[bytes, StoredToken]] = {}
        self.clients: dict[ClientId, ClientLogin] = {}
        self.outside_identities: dict[OutsideIdentity, UserId] = {}
        #: The digests of subjects whose account was closed, and when.
        self.closed_subjects: dict[bytes, datetime] = {}
        self.access_changes: list[AccessChange] = []

    def publish(self, event: Event, placement: Placement, now: datetime) -> None:
        """Mark a locked event as published. New orders then start waiting to be processed."""
        self.outbox.publish(event, placement, now)
        order_id = OrderId(event.subject)
        order = self.orders.find(order_id)
        if event.revision == 1 and order is not None and order.record.processed_at is None:
            self.unprocessed[order_id] = now

    def end_session(self, session_id: SessionId) -> bool:
        """End a session and add this to the feed. Return False if it does not exist."""
        session = self.sessions.pop(session_id, None)
        if session is not None:
            self.refresh_tokens.pop(session_id, None)
            ids = self.session_ids_by_handle
            for handle in [handle for handle, each in ids.items() if each == session_id]:
                del ids[handle]
            self._note(AccessChangeKind.SESSION, session_id, session.tokens_expire_at)
        return session is not None

    def end_sessions_of(self, user_id: UserId) -> None:
        """End all sessions of a user and add this to the feed."""
        for session in [each for each in self.sessions.values() if each.user_id == user_id]:
            self.end_session(session.id)

    def close_outside_identities(self, user_id: UserId) -> None:
        """Forget the subjects that an account belongs to, except for their digests."""
        owners = self.outside_identities.items()
        for identity in [each for each, owner in owners if owner == user_id]:
            del self.outside_identities[identity]
            self.closed_subjects[identity.digest] = self.now()

    def end_outside_tokens(self, user_id: UserId, kept: UUID | None = None) -> None:
        """End all outside tokens of a user except `kept`, and add this to the feed."""
        if user_id in self.outside_identities.values():
            login = self.logins[user_id]
            account = replace(
                login.account, outside_tokens_ended_at=self.now(), kept_outside_token=kept
            )
            self.logins[user_id] = replace(login, account=account)
            self.note_account_change(user_id)

    def note_account_change(self, user_id: UserId) -> None:
        """Add an account change to the feed."""
        self._note(AccessChangeKind.ACCOUNT, user_id, _NEVER)

    def note_client_change(self, client_id: ClientId) -> None:
        """Add the revocation of a machine client to the feed."""
        self._note(AccessChangeKind.CLIENT, client_id, _NEVER)

    def _note(self, kind: AccessChangeKind, subject: UUID, expires_at: datetime) -> None:
        self.access_changes.append(AccessChange(kind, subject, expires_at))
