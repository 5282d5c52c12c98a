"""The PostgreSQL adapters."""

from dishka import AnyOf, Provider, Scope, provide

from adapters.postgres.access_changes import PostgresAccessChanges
from adapters.postgres.accounts import PostgresAccounts
from adapters.postgres.audit import PostgresAuditReader
from adapters.postgres.cache_debts import PostgresCacheDebts
from adapters.postgres.clients import PostgresClients
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresAnnouncements, PostgresDeadLetters
from adapters.postgres.erasures import PostgresErasures
from adapters.postgres.export import PostgresExportReader
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.order_queries import (
    PostgresHistoryReader,
    PostgresKnownOrders,
    PostgresOrderReader,
)
from adapters.postgres.order_storage import PostgresOrderStorage
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.outbox_admin import PostgresOutboxAdmin
from adapters.postgres.outside_identities import PostgresOutsideIdentities
from adapters.postgres.retention import PostgresRetentionStore
from adapters.postgres.sessions import PostgresSessions
from adapters.postgres.unprocessed_orders import PostgresUnprocessedOrders
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
from entrypoints.composition.providers.postgres.embedded import EmbeddedLifecycle
from entrypoints.composition.providers.postgres.lifecycle import (
    ExternalPostgres,
    PostgresLifecycle,
)
from entrypoints.composition.remedies import naming
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.observability.metrics.scrape import PoolUse, StorageGauges
from entrypoints.settings import Settings


class PostgresProvider(Provider):
    """The lifecycle of PostgreSQL, and all of its ports."""

    scope = Scope.APP

    orders = provide(PostgresOrderStorage, provides=OrderStorage)
    reader = provide(PostgresOrderReader, provides=OrderReader)
    known = provide(PostgresKnownOrders, provides=KnownOrders)
    history = provide(PostgresHistoryReader, provides=HistoryReader)
    outbox = provide(PostgresOutbox, provides=Outbox)
    unprocessed = provide(PostgresUnprocessedOrders, provides=UnprocessedOrders)
    leases = provide(PostgresLeases, provides=Leases)
    dead_letters = provide(
        PostgresDeadLetters, provides=AnyOf[PostgresDeadLetters, DeadLetters, DeadLetterAdmin]
    )
    announcements = provide(PostgresAnnouncements, provides=Announcements)
    audit = provide(PostgresAuditReader, provides=AuditReader)
    retention = provide(PostgresRetentionStore, provides=RetentionStore)
    outbox_admin = provide(PostgresOutboxAdmin, provides=OutboxAdmin)
    cache_debts = provide(PostgresCacheDebts, provides=CacheDebts)
    sessions = provide(PostgresSessions, provides=AnyOf[PostgresSessions, Sessions, SessionAdmin])
    erasures = provide(PostgresErasures, provides=Erasures)
    outside_identities = provide(PostgresOutsideIdentities, provides=OutsideIdentities)
    export = provide(PostgresExportReader, provides=ExportReader)
    access_changes = provide(PostgresAccessChanges, provides=AccessChanges)
    clients = provide(PostgresClients, provides=AnyOf[PostgresClients, Clients, ClientDirectory])
    accounts = provide(
        PostgresAccounts,
        provides=AnyOf[PostgresAccounts, Accounts, AccountDirectory, PasswordStore],
    )

    @provide
    def checks(self, database: Database) -> StorageChecks:
        """A process without PostgreSQL is down."""
        return StorageChecks({"postgresql": naming("DATABASE_URL", database.ping)})

    @provide
    def gauges(
        self, outbox_admin: OutboxAdmin, database: Database, settings: Settings
    ) -> StorageGauges:
        """Figures about the service's outbox and this process's connection pool."""

        def pool() -> PoolUse:
            return PoolUse(*database.pool_usage(), size=settings.db_pool_size)

        return StorageGauges(outbox_admin.state, pool)

    @provide
    def lifecycle(self, settings: Settings) -> AnyOf[PostgresLifecycle, StorageLifecycle]:
        """The PostgreSQL in the settings, or else the embedded one."""
        if settings.database_url is None:
            return EmbeddedLifecycle(settings.data_dir, settings.db_pool_size)
        return ExternalPostgres(settings.database_url, settings.db_pool_size)

    @provide
    def database(self, lifecycle: PostgresLifecycle) -> Database:
        """This process's connections. The lifecycle closes them."""
        return lifecycle.database
