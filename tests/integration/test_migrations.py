"""Migrations run one by one, in one process at a time, while the service is running."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copy
from typing import Any

import asyncpg
import pytest

from adapters.postgres.migrations import migrate
from tests.servers.databases import fetch_value, fresh_database
from tests.servers.plugin import Shared
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

ENV = Path(__file__).parents[2] / "migrations"
MIGRATION = """
from alembic import op
revision, down_revision = {revision!r}, {before!r}
def upgrade():
    {body}
"""
IN_A_TABLE = "op.execute('CREATE TABLE one (id int)')"
AN_INDEX = """
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS one_id")
        op.execute("CREATE INDEX CONCURRENTLY one_id ON one (id)")
"""
MISTAKEN = "op.execute('CREATE TABLE two (id int)'); op.execute('SELECT 1 / 0')"


@pytest.fixture
async def url(postgres_server: Shared) -> AsyncIterator[str]:
    """A database without tables."""
    async with fresh_database(postgres_server.url) as url:
        yield url


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """An empty migrations folder."""
    (tmp_path / "versions").mkdir()
    for name in ("env.py", "script.py.mako"):
        copy(ENV / name, tmp_path / name)
    return tmp_path


def write(steps: Path, revision: str, body: str) -> None:
    before = f"{int(revision) - 1:04}" if revision != "0001" else None
    text = MIGRATION.format(revision=revision, before=before, body=body)
    (steps / "versions" / f"{revision}_step.py").write_text(text)


async def revision_of(url: str) -> Any:
    return await fetch_value(url, "SELECT version_num FROM alembic_version")


async def exists(url: str, name: str) -> bool:
    return await fetch_value(url, f"SELECT to_regclass('{name}')") is not None


async def test_index_may_be_built_concurrently(url: str, steps: Path) -> None:
    write(steps, "0001", IN_A_TABLE)
    write(steps, "0002", AN_INDEX)
    assert await migrate(url, steps)
    assert await exists(url, "one_id")
    assert await fetch_value(url, "SELECT bool_and(indisvalid) FROM pg_index")
    assert await revision_of(url) == "0002"


async def test_migrations_before_a_failed_one_stay_and_the_next_run_continues(
    url: str, steps: Path
) -> None:
    write(steps, "0001", IN_A_TABLE)
    write(steps, "0002", MISTAKEN)
    write(steps, "0003", "op.execute('CREATE TABLE three (id int)')")
    with pytest.raises(Exception, match="division by zero") as failed:
        await migrate(url, steps)
    assert "SELECT 1 / 0" in str(failed.value)
    assert await revision_of(url) == "0001"
    assert not await exists(url, "two")
    write(steps, "0002", "op.execute('CREATE TABLE two (id int)')")
    assert await migrate(url, steps)
    assert await revision_of(url) == "0003"
    assert await exists(url, "three")


async def test_unfinished_index_is_built_again(url: str, steps: Path) -> None:
    write(steps, "0001", IN_A_TABLE)
    await migrate(url, steps)
    connection = await asyncpg.connect(url, timeout=LONG)
    await connection.execute("INSERT INTO one VALUES (1), (1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY one_id ON one (id)")
    assert not await connection.fetchval("SELECT bool_and(indisvalid) FROM pg_index")
    await connection.close()
    write(steps, "0002", AN_INDEX)
    assert await migrate(url, steps)
    assert await fetch_value(url, "SELECT bool_and(indisvalid) FROM pg_index")


async def test_processes_that_build_an_index_at_once_do_not_deadlock(url: str, steps: Path) -> None:
    write(steps, "0001", IN_A_TABLE)
    write(steps, "0002", AN_INDEX)
    async with asyncio.timeout(LONG):
        changed = await asyncio.gather(*(migrate(url, steps) for _ in range(4)))
    assert sorted(changed) == [False] * 3 + [True]


async def test_wait_for_another_process_ignores_the_lock_timeout(url: str, steps: Path) -> None:
    write(steps, "0001", IN_A_TABLE)
    name = url.rpartition("/")[2]
    other = await asyncpg.connect(url, timeout=LONG)
    await other.execute("SELECT pg_advisory_lock(x'6f7264657273'::bigint)")
    for setting in ("lock_timeout = 1", "statement_timeout = 1"):
        await other.execute(f"ALTER DATABASE {name} SET {setting}")
    async with asyncio.TaskGroup() as tasks:
        migrating = tasks.create_task(migrate(url, steps))
        done, _ = await asyncio.wait([migrating], timeout=1.0)
        assert not done
        assert not await other.fetchval("SELECT to_regclass('one')")
        await other.close()
    assert await migrating


async def test_wait_for_a_table_in_use_does_not_block_its_readers(
    url: str, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.alembic_upgrade._TABLE_LOCK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("adapters.postgres.alembic_upgrade._PAUSE_SECONDS", 0.05)
    write(steps, "0001", IN_A_TABLE)
    await migrate(url, steps)
    write(steps, "0002", "op.execute('ALTER TABLE one ADD COLUMN more int')")
    long_reader = await asyncpg.connect(url, timeout=LONG)
    await long_reader.execute("BEGIN; SELECT * FROM one")
    async with asyncio.TaskGroup() as tasks:
        migrating = tasks.create_task(migrate(url, steps))
        async with asyncio.timeout(LONG):
            for _ in range(50):
                assert await fetch_value(url, "SELECT count(*) FROM one") == 0
        assert not migrating.done()
        await long_reader.close()
    assert await migrating
