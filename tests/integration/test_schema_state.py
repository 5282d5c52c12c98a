"""Recognise a database's schema, and which commands may change it (ADR 22)."""

from collections.abc import AsyncIterator

import pytest
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.postgres.alembic_upgrade import alembic_config
from adapters.postgres.database import Database
from adapters.postgres.migrations import ForeignSchema, migrate, schema_of
from adapters.postgres.schema_state import State, read_schema
from tests.servers.plugin import Shared
from tests.support.postgres import new_database

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

VERSIONED = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
UNMARK = "COMMENT ON TABLE alembic_version IS NULL"
USERS = "CREATE TABLE users (id int)"


def at(*revisions: str) -> str:
    """Return SQL that creates Alembic's table with these revisions."""
    rows = ", ".join(f"('{each}')" for each in revisions)
    return f"{VERSIONED}; INSERT INTO alembic_version VALUES {rows}"  # noqa: S608 - our own texts


FOREIGN = {
    "a revision of letters": at("a1b2c3d4e5f6"),
    "a revision that sorts after ours": at("9f3c00aa1177"),
    "a revision that sorts before ours": at("0000aabbccdd"),
    "a revision that is numbered as ours": at("0002"),
    "our revision beside a table of ours": at("0004") + f"; {USERS}",
    "two revisions": at("0001", "0002"),
    "a table of one of our names": USERS,
}


@pytest.fixture
async def database(postgres_server: Shared) -> AsyncIterator[Database]:
    async with new_database(postgres_server, pool_size=2) as database:
        yield database


async def execute(database: Database, *statements: str) -> None:
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)


async def tables_of(database: Database) -> set[str]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT relname FROM pg_stat_user_tables")
    return {row["relname"] for row in rows}


async def upgrade(database: Database, revision: str) -> None:
    """Migrate to this revision, like an earlier release did."""

    def step(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), revision)

    url = database.url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(step)
    await engine.dispose()
    await execute(database, UNMARK)


async def state_of(database: Database) -> State:
    return (await schema_of(database.url)).state


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
async def test_schema_of_another_program_is_refused_and_left_alone(
    database: Database, statements: str
) -> None:
    await execute(database, *statements.split("; "))
    before = await tables_of(database)
    assert await state_of(database) is State.FOREIGN
    with pytest.raises(ForeignSchema):
        await migrate(database.url)
    assert await tables_of(database) == before


@pytest.mark.parametrize("statements", [[], [VERSIONED]], ids=["empty", "no revision"])
async def test_database_without_a_schema_is_migrated(
    database: Database, statements: list[str]
) -> None:
    await execute(database, *statements)
    assert await state_of(database) is State.MISSING
    assert await migrate(database.url)
    assert await state_of(database) is State.CURRENT


@pytest.mark.parametrize(
    ("revision", "state"),
    [("0001", State.BEHIND), ("0003", State.BEHIND), ("0004", State.BEHIND)],
)
async def test_earlier_release_without_a_marker_is_recognised(
    database: Database, revision: str, state: State
) -> None:
    await upgrade(database, revision)
    assert await state_of(database) is state
    await migrate(database.url)
    assert await state_of(database) is State.CURRENT


async def test_later_release_is_recognised_by_its_marker(database: Database) -> None:
    await migrate(database.url)
    await execute(database, "UPDATE alembic_version SET version_num = '9999'")
    assert await state_of(database) is State.CURRENT
    await execute(database, UNMARK)
    assert await state_of(database) is State.FOREIGN


async def test_unreadable_table_of_revisions_is_foreign(database: Database) -> None:
    await execute(database, *at("0001").split("; "))
    async with database.connection() as connection:
        await connection.execute("SET ROLE pg_monitor")
        assert (await read_schema(connection)).state is State.FOREIGN
