"""In-memory storage that takes the place of PostgreSQL, for tests and experiments."""

from collections.abc import Mapping

from dishka import AnyOf, Provider, Scope, provide

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
from adapters.memory.retention import MemoryRetentionStore
from adapters.memory.sessions import MemorySessions
from adapters.memory.storage import MemoryStorage
from adapters.memory.unprocessed_orders import MemoryUnprocessedOrders
from application.ports.access_changes import AccessChanges
from application.ports.accounts import AccountDirectory, Accounts, PasswordStore
from application.ports.audit import AuditReader
from application.ports.cache_debts import CacheDebts
from application.ports.clients import ClientDirectory, Clients
from application.ports.dead_letters import Announcements, DeadLetterAdmin, DeadLetters
from application.ports.erasures import Erasures
from application.ports.events import Outbox
from application.ports.export import ExportReader
from application.ports.leases import Leases
from application.ports.orders import HistoryReader, KnownOrders, OrderReader
from application.ports.outbox_admin import OutboxAdmin
from application.ports.outside_issuer import OutsideIdentities
from application.ports.retention import RetentionStore
from application.ports.sessions import SessionAdmin, Sessions
from application.ports.tasks import UnprocessedOrders
from application.ports.transaction import OrderStorage
from entrypoints.composition.checks import StorageChecks
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.observability.metrics.scrape import StorageGauges


class MemoryLifecycle(StorageLifecycle):
    """A storage that lives as long as its process."""

    is_exclusive = True

    @property
    def summary(self) -> Mapping[str, str]:
        """How the startup log line describes the storage."""
        return {"storage": "memory"}

    async def open(self, *, may_create: bool) -> None:
        """Allow only the process that runs all roles.

        Raises:
            Misconfigured: any other process would see and report on an empty storage.
        """
        if not may_create:
            raise Misconfigured(
                "The storage in memory (ORDERS_PROVIDERS) belongs to one `orders serve` that runs"
                " every role: no other process can use it."
            )


class MemoryStorageProvider(Provider):
    """The lifecycle of the in-memory storage, and all of its ports."""

    scope = Scope.APP

    storage = provide(MemoryStorage)
    orders = provide(MemoryOrderStorage, provides=OrderStorage)
    reader = provide(
        MemoryOrderReader,
        provides=AnyOf[MemoryOrderReader, OrderReader, KnownOrders, HistoryReader],
    )
    outbox = provide(MemoryOutbox, provides=Outbox)
    unprocessed = provide(MemoryUnprocessedOrders, provides=UnprocessedOrders)
    leases = provide(MemoryLeases, provides=Leases)
    dead_letters = provide(
        MemoryDeadLetters, provides=AnyOf[MemoryDeadLetters, DeadLetters, DeadLetterAdmin]
    )
    audit = provide(MemoryAuditReader, provides=AuditReader)
    retention = provide(MemoryRetentionStore, provides=RetentionStore)
    outbox_admin = provide(MemoryOutboxAdmin, provides=OutboxAdmin)
    cache_debts = provide(MemoryCacheDebts, provides=CacheDebts)
    sessions = provide(MemorySessions, provides=AnyOf[MemorySessions, Sessions, SessionAdmin])
    access_changes = provide(MemoryAccessChanges, provides=AccessChanges)
    announcements = provide(MemoryAnnouncements, provides=Announcements)
    clients = provide(MemoryClients, provides=AnyOf[MemoryClients, Clients, ClientDirectory])
    erasures = provide(MemoryErasures, provides=Erasures)
    outside_identities = provide(MemoryOutsideIdentities, provides=OutsideIdentities)
    export = provide(MemoryExportReader, provides=ExportReader)
    accounts = provide(
        MemoryAccounts, provides=AnyOf[MemoryAccounts, Accounts, AccountDirectory, PasswordStore]
    )

    lifecycle = provide(MemoryLifecycle, provides=StorageLifecycle)

    @provide
    def checks(self) -> StorageChecks:
        """There are no checks, because nothing can be down."""
        return StorageChecks({})

    @provide
    def gauges(self, outbox_admin: OutboxAdmin) -> StorageGauges:
        """Figures about the process's outbox. There is no connection pool."""
        return StorageGauges(outbox_admin.state)
