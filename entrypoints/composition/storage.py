"""The adapters over PostgreSQL."""

from collections.abc import AsyncIterator

from dishka import AnyOf, Provider, Scope, provide

from adapters.postgres.accounts import PostgresAccounts
from adapters.postgres.audit import PostgresAuditReader
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresAnnouncements, PostgresDeadLetters
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.new_orders import PostgresNewOrders
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.reading import PostgresHistoryReader, PostgresOrderReader
from adapters.postgres.retention import PostgresRetentionStore
from adapters.postgres.transaction import PostgresUnitOfWork
from adapters.postgres.unprocessed_orders import PostgresUnprocessedOrders
from adapters.postgres.upkeep import PostgresOutboxOffice
from application.audit import AuditReader
from application.ports.accounts import Accounts, PasswordStore
from application.ports.dead_letters import Announcements, DeadLetterAdmin, DeadLetters
from application.ports.events import Outbox
from application.ports.leases import Leases
from application.ports.orders import HistoryReader, NewOrders, OrderReader
from application.ports.retention import RetentionStore
from application.ports.tasks import UnprocessedOrders
from application.ports.transaction import UnitOfWork
from application.ports.upkeep import OutboxOffice
from entrypoints.composition.checks import StorageChecks
from entrypoints.composition.resources import Resources
from entrypoints.metrics.scrape import PoolUse, StorageGauges
from entrypoints.settings import Settings


class PostgresProvider(Provider):
    """Everything that is kept."""

    scope = Scope.APP

    new_orders = provide(PostgresNewOrders, provides=NewOrders)
    reader = provide(PostgresOrderReader, provides=OrderReader)
    history = provide(PostgresHistoryReader, provides=HistoryReader)
    begin = provide(PostgresUnitOfWork, provides=UnitOfWork)
    outbox = provide(PostgresOutbox, provides=Outbox)
    unprocessed = provide(PostgresUnprocessedOrders, provides=UnprocessedOrders)
    leases = provide(PostgresLeases, provides=Leases)
    dead_letters = provide(PostgresDeadLetters, provides=AnyOf[DeadLetters, DeadLetterAdmin])
    announcements = provide(PostgresAnnouncements, provides=Announcements)
    audit = provide(PostgresAuditReader, provides=AuditReader)
    office = provide(PostgresOutboxOffice, provides=OutboxOffice)
    retention = provide(PostgresRetentionStore, provides=RetentionStore)
    accounts = provide(PostgresAccounts, provides=AnyOf[Accounts, PasswordStore])

    @provide
    def checks(self, database: Database) -> StorageChecks:
        """Without PostgreSQL a process is down."""
        return StorageChecks({"postgresql": database.ping})

    @provide
    def gauges(self, office: OutboxOffice, database: Database, settings: Settings) -> StorageGauges:
        """The outbox of the service, and the pool of this process."""

        def pool() -> PoolUse:
            return PoolUse(*database.connections(), size=settings.db_pool_size)

        return StorageGauges(office.state, pool)

    @provide
    async def database(self, resources: Resources, settings: Settings) -> AsyncIterator[Database]:
        """The pool of this process."""
        database = Database(resources.database_url, settings.db_pool_size)
        yield database
        await database.close()
