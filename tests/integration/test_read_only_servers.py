"""PostgreSQL temporarily rejects writes because it is a standby or has been set to read-only."""

import asyncio
from pathlib import Path

import pytest

from adapters.postgres.database import Database
from adapters.postgres.migrations import migrate
from application.errors import NOTHING_CHANGED, Unavailable
from domain.account import Account
from tests.integration.test_connections import SIZE, fill, read
from tests.servers.databases import fetch_value
from tests.servers.plugin import NewServer, Shared
from tests.servers.process import LocalServer
from tests.servers.server import Server
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy
from tests.support.orders import a_user_id
from tests.support.postgres import adapters_over, opened_database
from tests.support.time import NOW

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


async def becomes_writable(database: Database) -> None:
    async with asyncio.timeout(LONG):
        while True:
            try:
                await database.ping()
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def a_write(database: Database) -> None:
    account = Account(id=a_user_id(), email=f"{a_user_id()}@example.com", created_at=NOW)
    await adapters_over(database).accounts.add(account, "hash")


async def test_read_only_sessions_are_unavailable_and_replaced(
    new_postgres: NewServer,
) -> None:
    with new_postgres() as server:
        await migrate(server.url)
        async with opened_database(server.url, SIZE) as database:
            await fill(database)
            await fetch_value(server.url, "ALTER SYSTEM SET default_transaction_read_only = on")
            await fetch_value(server.url, "SELECT pg_reload_conf()")
            await becomes_read_only(database)
            assert database.pool_usage() == (0, 0)  # all connections are closed
            with pytest.raises(Unavailable) as refusal:
                await a_write(database)
            assert str(refusal.value) == NOTHING_CHANGED
            with pytest.raises(Unavailable):
                await database.ping()
            await make_writable(server.url)
            await becomes_writable(database)
            await a_write(database)


async def becomes_read_only(database: Database) -> None:
    """Keep writing until PostgreSQL rejects a write."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                await a_write(database)
            except Unavailable:
                return
            await asyncio.sleep(0.02)


async def make_writable(url: str) -> None:
    await fetch_value(url, "ALTER SYSTEM RESET default_transaction_read_only")
    await fetch_value(url, "SELECT pg_reload_conf()")


def demote(server: Server) -> None:
    """Restart the server as a standby without a primary."""
    if not isinstance(server, LocalServer):
        pytest.skip("needs the files of a server of this machine")
    server.stop()
    (data,) = (path.parent for path in Path(server.folder).glob("**/PG_VERSION") if is_root(path))
    (data / "standby.signal").touch()
    server.start()


def is_root(path: Path) -> bool:
    return (path.parent / "global").is_dir()


async def test_standby_is_unavailable_until_it_is_promoted(new_postgres: NewServer) -> None:
    with new_postgres() as server:
        await migrate(server.url)
        async with opened_database(server.url, SIZE) as database:
            await a_write(database)
            demote(server)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await database.ping()
                with pytest.raises(Unavailable):
                    await a_write(database)
            async with opened_database(f"{server.url}?target_session_attrs=any", SIZE) as audited:
                assert await read(audited) == 1
                with pytest.raises(Unavailable):
                    await audited.ping()
            assert await fetch_value(server.url, "SELECT pg_promote()")
            await becomes_writable(database)
            await a_write(database)


async def test_writable_one_of_several_hosts_is_used(
    new_postgres: NewServer, postgres_server: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_postgres() as standby, FaultProxy.to(postgres_server.url) as silent:
        demote(standby)
        silent.silence()
        primary = postgres_server.url
        hosts = [each.rpartition("@")[2].partition("/")[0] for each in (standby.url, primary)]
        hosts.insert(0, f"127.0.0.1:{silent.port}")
        # A silent host must not use up the other hosts' time.
        monkeypatch.setattr("adapters.postgres.connector._CONNECT_TIMEOUT_SECONDS", 3 * 5.0)
        url = primary.replace(hosts[-1], ",".join(hosts))
        async with opened_database(url, SIZE) as database:
            await becomes_writable(database)
            async with database.connection() as connection:
                assert not await connection.fetchval("SELECT pg_is_in_recovery()")
            tried = silent.accepted
            await fill(database)  # the last working host is tried first
            assert silent.accepted == tried
