"""All ports on one storage, for each kind of adapter."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from adapters.memory.access_changes import MemoryAccessChanges
from adapters.memory.accounts import MemoryAccounts
from adapters.memory.audit import MemoryAuditReader
from adapters.memory.cache_debts import MemoryCacheDebts
from adapters.memory.clients import MemoryClients
from adapters.memory.dead_letters import MemoryAnnouncements, MemoryDeadLetters
from adapters.memory.erasures import MemoryErasures
from adapters.memory.export import MemoryExportReader
from adapters.memory.leases import MemoryLeases
from adapters.memory.order_storage import MemoryOrderStorage
from adapters.memory.orders import MemoryOrderReader
from adapters.memory.outbox import MemoryOutbox
from adapters.memory.outbox_admin import MemoryOutboxAdmin
from adapters.memory.outside_identities import MemoryOutsideIdentities
from adapters.memory.sessions import MemorySessions
from adapters.memory.storage import MemoryStorage
from adapters.memory.unprocessed_orders import MemoryUnprocessedOrders
from adapters.postgres.clients import PostgresClients
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.serialisation.erasure import JsonPersonalDataEraser
from application.ports.access_changes import AccessChanges
from application.ports.accounts import AccountDirectory, Accounts, PasswordStore
from application.ports.audit import AuditReader
from application.ports.cache_debts import CacheDebts
from application.ports.dead_letters import Announcements
from application.ports.erasures import Erasures
from application.ports.events import Outbox, Placement
from application.ports.export import ExportReader
from application.ports.leases import Leases
from application.ports.orders import HistoryReader, KnownOrders, OrderReader
from application.ports.outbox_admin import OutboxAdmin
from application.ports.outside_issuer import OutsideIdentities
from application.ports.sessions import SessionAdmin, Sessions
from application.ports.tasks import UnprocessedOrders
from application.ports.transaction import OrderStorage, Transaction
from domain.ids import EventId, OrderId
from domain.order.events import Outcome
from tests.support.orders import RENDERER
from tests.support.time import MovableClock


class StoredFacts(Protocol):
    """Read stored facts that the ports don't return."""

    async def published(self) -> Sequence[EventId]:
        """Return published events by position."""

    async def placements(self) -> Mapping[EventId, tuple[int, Placement]]:
        """Return each published event's position and first placement."""

    async def errors(self) -> Mapping[EventId, str]:
        """Return the errors for unpublished events."""

    async def effects(self, order_id: OrderId) -> Sequence[Outcome]:
        """Return the order's effects."""

    async def dump(self) -> str:
        """Return everything that is stored, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """All ports on one storage."""

    storage: OrderStorage
    reader: OrderReader
    known: KnownOrders
    history: HistoryReader
    outbox: Outbox
    unprocessed: UnprocessedOrders
    leases: Leases
    dead_letters: MemoryDeadLetters | PostgresDeadLetters
    outbox_admin: OutboxAdmin
    cache_debts: CacheDebts
    announcements: Announcements
    accounts: Accounts
    directory: AccountDirectory
    passwords: PasswordStore
    erasures: Erasures
    export: ExportReader
    outside_identities: OutsideIdentities
    audit: AuditReader
    sessions: Sessions
    clients: MemoryClients | PostgresClients
    session_admin: SessionAdmin
    access_changes: AccessChanges
    stored_facts: StoredFacts
    #: Advances the storage's time by this many seconds.
    pass_time: Callable[[float], Awaitable[None]]

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction."""
        return self.storage.begin()


class MemoryStoredFacts:
    """`StoredFacts` for the in-memory storage."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def published(self) -> Sequence[EventId]:
        facts = sorted(self._storage.outbox.facts, key=lambda fact: fact.position)
        return [fact.event.id for fact in facts]

    async def placements(self) -> Mapping[EventId, tuple[int, Placement]]:
        facts = self._storage.outbox.facts
        return {fact.event.id: (fact.position, fact.placement) for fact in facts}

    async def errors(self) -> Mapping[EventId, str]:
        waiting = (*self._storage.outbox, *self._storage.replays)
        return {event.id: retries.error for event, retries in waiting if retries.error is not None}

    async def effects(self, order_id: OrderId) -> Sequence[Outcome]:
        return [row.outcome for row in self._storage.effects if row.order_id == order_id]

    async def dump(self) -> str:
        storage = self._storage
        tables = (
            storage.orders.newest_first(None, None, None),
            storage.outbox,
            storage.outbox.facts,
            storage.outbox.first.values(),
            storage.replays,
            storage.dead_letters.replace_each(lambda letter: letter),
        )
        return repr([vars(storage), *([*table] for table in tables)])


def memory_adapters(clock: MovableClock) -> Adapters:
    """Return all ports on a new, empty in-memory storage."""
    storage = MemoryStorage()
    storage.now = clock.now
    reader = MemoryOrderReader(storage)
    accounts = MemoryAccounts(storage)
    sessions = MemorySessions(storage)
    return Adapters(
        storage=MemoryOrderStorage(storage, RENDERER, clock),
        reader=reader,
        known=reader,
        history=reader,
        outbox=MemoryOutbox(storage, clock),
        unprocessed=MemoryUnprocessedOrders(storage, clock),
        leases=MemoryLeases(clock),
        outbox_admin=MemoryOutboxAdmin(storage, clock),
        cache_debts=MemoryCacheDebts(storage, clock),
        dead_letters=MemoryDeadLetters(storage),
        announcements=MemoryAnnouncements(storage),
        accounts=accounts,
        directory=accounts,
        passwords=accounts,
        erasures=MemoryErasures(storage, JsonPersonalDataEraser(), RENDERER, clock),
        export=MemoryExportReader(storage),
        outside_identities=MemoryOutsideIdentities(storage),
        audit=MemoryAuditReader(storage),
        clients=MemoryClients(storage),
        sessions=sessions,
        session_admin=sessions,
        access_changes=MemoryAccessChanges(storage),
        stored_facts=MemoryStoredFacts(storage),
        pass_time=clock.advance,
    )
