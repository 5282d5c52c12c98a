"""The feed of access changes with concurrent transactions, restarts and SQL by hand."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

import pytest

from adapters.memory.access_state import FollowedAccess
from adapters.postgres.access_changes import PostgresAccessChanges
from adapters.postgres.accounts import PostgresAccounts
from adapters.postgres.database import Database
from adapters.postgres.retention import PostgresRetentionStore
from adapters.security.refresh_tokens import RandomRefreshTokens
from adapters.system.clock_and_ids import SystemClock
from application.ports.access_changes import AccessChange, AccessChangeKind
from application.ports.accounts import AccessClaims
from application.ports.retention import Expiring
from application.ports.sessions import Session
from domain.account import Account
from domain.ids import SessionId
from tests.servers.plugin import Shared
from tests.support.orders import IDS, a_user_id
from tests.support.postgres import adapters_over, new_database

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

_INSERT = "INSERT INTO access_changes (kind, subject, expires_at) VALUES ('token', $1, $2)"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def database(postgres_server: Shared, migrated: str) -> AsyncIterator[Database]:
    async with new_database(postgres_server, migrated) as database:
        yield database


async def read(database: Database, position: int) -> tuple[Sequence[UUID], int]:
    """Return the subjects of all changes after a position, and the next position."""
    page = await PostgresAccessChanges(database).read(position, now())
    return [change.subject for _, change in page.changes], page.position


async def an_account(database: Database) -> Account:
    account = Account(id=a_user_id(), email=f"{a_user_id()}@example.com", created_at=now())
    await PostgresAccounts(database).add(account, "hash")
    return account


async def a_session(database: Database, account: Account) -> Session:
    session = Session(
        id=SessionId(IDS.new(now())),
        user_id=account.id,
        created_at=now(),
        last_used_at=now(),
        expires_at=now() + timedelta(days=1),
        tokens_expire_at=now() + timedelta(hours=1),
        address="192.0.2.1",
        user_agent="",
    )
    token = RandomRefreshTokens(86_400).new()
    assert await adapters_over(database).sessions.begin(session, token, "hash")
    return session


def claims_of(account: Account, session: UUID) -> AccessClaims:
    until = now() + timedelta(hours=1)
    return AccessClaims(account.id, IDS.new(now()), session, now(), until)


def a_process(database: Database) -> FollowedAccess:
    """Return the view of a new process."""
    changes, accounts = PostgresAccessChanges(database), PostgresAccounts(database)
    return FollowedAccess(changes, accounts, SystemClock(), monotonic)


async def test_a_change_that_is_committed_late_is_not_missed(database: Database) -> None:
    late, early, until = IDS.new(now()), IDS.new(now()), now() + timedelta(hours=1)
    async with database.connection(60.0) as slow:
        async with slow.transaction():
            await slow.execute(_INSERT, late, until)
            await PostgresAccessChanges(database).add(
                AccessChange(AccessChangeKind.TOKEN, early, until)
            )
            subjects, position = await read(database, 0)
            assert subjects == [early]
            for _ in range(3):
                subjects, position = await read(database, position)
                assert late not in subjects
        subjects, position = await read(database, position)
        assert late in subjects
    for _ in range(2):
        subjects, position = await read(database, position)
    assert subjects == []


async def test_a_change_that_is_rolled_back_is_not_returned(database: Database) -> None:
    async with database.connection(60.0) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(_INSERT, IDS.new(now()), now() + timedelta(hours=1))
        await transaction.rollback()
    assert (await read(database, 0))[0] == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sessions WHERE user_id = $1",
        "UPDATE users SET disabled = true WHERE id = $1",
        "UPDATE users SET role = 'staff' WHERE id = $1",
        "UPDATE users SET email = id || '@example.org' WHERE id = $1",
    ],
)
async def test_sql_by_hand_and_earlier_releases_are_in_the_feed(
    database: Database, statement: str
) -> None:
    account = await an_account(database)
    session = await a_session(database, account)
    async with database.connection() as connection:
        await connection.execute(statement, account.id)
    expected = session.id if statement.startswith("DELETE") else account.id
    assert (await read(database, 0))[0] == [expected]


async def test_a_deleted_account_is_in_the_feed(database: Database) -> None:
    account = await an_account(database)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM users WHERE id = $1", account.id)
    assert (await read(database, 0))[0] == [account.id]


async def test_a_restarted_process_loads_earlier_revocations(database: Database) -> None:
    account = await an_account(database)
    ended, active = [await a_session(database, account) for _ in range(2)]
    await adapters_over(database).session_admin.end(account.id, ended.id)
    process = a_process(database)
    assert await process.account_of(claims_of(account, ended.id)) is None
    assert await process.account_of(claims_of(account, active.id)) == account


async def test_expired_sessions_and_changes_are_purged(database: Database) -> None:
    adapters, account = adapters_over(database), await an_account(database)
    expired, active = [await a_session(database, account) for _ in range(2)]
    long_ago = now() - timedelta(days=1)
    async with database.connection() as connection:
        statement = "UPDATE sessions SET expires_at = $2, tokens_expire_at = $2 WHERE id = $1"
        await connection.execute(statement, expired.id, long_ago)
        await connection.execute(_INSERT, IDS.new(now()), long_ago)
        await connection.execute(_INSERT, IDS.new(now()), now() + timedelta(hours=1))
    assert await purged(database) == [1, 1]
    assert await adapters.session_admin.of_user(account.id, long_ago) == [active]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM access_changes") == 1


async def purged(database: Database) -> list[int]:
    """Purge, and return the numbers of deleted sessions and changes."""
    store = PostgresRetentionStore(database)
    return [
        await store.purge(kind, now(), 100) for kind in (Expiring.SESSIONS, Expiring.ACCESS_CHANGES)
    ]
