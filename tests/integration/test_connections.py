"""Connections to a real PostgreSQL: dropped by a NAT, reset, silent, or with other defaults."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from adapters.postgres.database import BEGIN_TIMEOUT_SECONDS, USE_TIMEOUT_SECONDS, Database
from adapters.postgres.migrations import migrate
from adapters.postgres.outbox import PostgresOutbox
from application.errors import NOTHING_CHANGED, Unavailable
from application.ports.events import Placement
from domain.errors import OrderNotFound
from libraries.asyncio_tools.time_budget import STORAGE_DEADLINE_SECONDS
from tests.servers.databases import fetch_value, fresh_database
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.deadlines import LONG
from tests.support.fault_proxy import FaultProxy
from tests.support.orders import an_order_id
from tests.support.postgres import adapters_over, opened_database
from tests.support.storage_actions import order_in, place
from tests.support.time import NOW

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

SIZE = 4


@pytest.fixture
async def url(postgres_server: Shared, migrated: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_server.url, migrated) as url:
        yield url


@pytest.fixture
def proxy(url: str) -> Iterator[FaultProxy]:
    with FaultProxy.to(url) as proxy:
        yield proxy


@pytest.fixture
async def database(url: str, proxy: FaultProxy) -> AsyncIterator[Database]:
    """A database behind a proxy, with all connections of its pool idle."""
    async with opened_database(proxy.through(url), SIZE) as database:
        await fill(database)
        yield database
        proxy.reset()  # else the generous deadline applies to the close of a silent connection


async def fill(database: Database) -> None:
    """Open all connections of a pool, and release them."""
    all_have_one = asyncio.Barrier(SIZE)

    async def take() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
            await all_have_one.wait()

    await asyncio.gather(*(take() for _ in range(SIZE)))
    assert database.pool_usage() == (0, SIZE)


async def read(database: Database) -> int:
    async with database.connection() as connection:
        one: int = await connection.fetchval("SELECT 1")
    return one


# --- Networks


async def test_no_read_fails_after_a_nat_drops_idle_connections(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.pool._PING_TIMEOUT_SECONDS", 0.4)
    assert proxy.forget() == SIZE
    monkeypatch.setattr("adapters.postgres.pool._MAX_IDLE_SECONDS", 0)
    assert await read(database) == 1
    monkeypatch.undo()
    # The first dead connection has expired the others.
    assert database.pool_usage() == (0, 1)
    assert [await read(database) for _ in range(13)] == [1] * 13


async def test_no_concurrent_read_fails_after_a_nat_drops_idle_connections(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.pool._PING_TIMEOUT_SECONDS", 0.4)
    proxy.forget()
    monkeypatch.setattr("adapters.postgres.pool._MAX_IDLE_SECONDS", 0)
    async with asyncio.timeout(LONG):
        assert await asyncio.gather(*(read(database) for _ in range(14))) == [1] * 14


async def test_live_connection_is_reused_after_a_long_idle_time(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.pool._MAX_IDLE_SECONDS", 0)
    assert [await read(database) for _ in range(14)] == [1] * 14
    assert proxy.accepted == SIZE


async def test_connection_reset_during_a_statement_is_replaced(
    database: Database, proxy: FaultProxy
) -> None:
    async with asyncio.TaskGroup() as tasks:
        statement = tasks.create_task(sleep_on(database))
        await wait_until_active(database, "pg_sleep")
        proxy.reset()
    assert await statement == NOTHING_CHANGED
    assert [await read(database) for _ in range(14)] == [1] * 14


# Outside of a request, a statement may take a few seconds. The first statement of a transaction has
# less time, so that a silent connection is noticed within 2 s of use.


def shorten_one_timeout(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("adapters.postgres.connection._CLOSE_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(
        "adapters.postgres.database._timeout",
        lambda each: asyncio.timeout(0.2 if each == seconds else None),
    )


async def read_an_order(adapters: Adapters) -> None:
    async with adapters.begin() as tx:
        with suppress(OrderNotFound):
            await tx.orders.get(an_order_id())


async def begin_to_write(adapters: Adapters) -> None:
    async with adapters.begin() as tx:
        await tx.inbox.add("consumer", an_order_id(), NOW)


async def lock_a_batch(adapters: Adapters) -> None:
    async with adapters.outbox.batch(10):
        pass


@pytest.mark.parametrize(
    ("begin", "seconds"),
    [
        (read_an_order, STORAGE_DEADLINE_SECONDS),  # shared with other transactions
        (begin_to_write, BEGIN_TIMEOUT_SECONDS),
        (lock_a_batch, BEGIN_TIMEOUT_SECONDS),
    ],
)
async def test_silent_connection_is_detected_at_the_start_of_a_transaction(
    database: Database,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[Adapters], Awaitable[None]],
    seconds: float,
) -> None:
    assert seconds < 2
    proxy.forget()
    with monkeypatch.context() as patch:
        shorten_one_timeout(patch, seconds)
        async with asyncio.timeout(LONG):
            with pytest.raises(Unavailable) as refusal:
                await begin(adapters_over(database))
    assert str(refusal.value) == NOTHING_CHANGED
    monkeypatch.setattr("adapters.postgres.pool._PING_TIMEOUT_SECONDS", 0.4)
    await begin(adapters_over(database))


async def test_marks_on_a_silent_connection_are_not_tried_one_by_one(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = adapters_over(database)
    for _ in range(3):
        await place(adapters)
    async with asyncio.timeout(LONG):
        with pytest.raises(Unavailable):  # noqa: PT012 - the connection goes silent in the block
            async with adapters.outbox.batch(10) as batch:
                proxy.forget()
                shorten_one_timeout(monkeypatch, USE_TIMEOUT_SECONDS)
                await batch.rejected(dict.fromkeys((each.id for each in batch.events), "no"))


async def sleep_on(database: Database) -> str:
    async with database.connection() as connection:
        with pytest.raises(Unavailable) as refusal:
            await connection.execute("SELECT pg_sleep(3600)")
    return str(refusal.value)


async def wait_until_active(database: Database, statement: str) -> None:
    async with asyncio.timeout(LONG), database.connection() as connection:
        while not await connection.fetchval(  # noqa: ASYNC110 - PostgreSQL sends no event
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1"
            " AND pid <> pg_backend_pid()",
            f"%{statement}%",
        ):
            await asyncio.sleep(0.02)


async def test_sockets_have_keepalive_and_user_timeout(database: Database) -> None:
    async with database.connection() as connection:
        raw = connection._transport.get_extra_info("socket")
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        for name, seconds in (("TCP_KEEPIDLE", 10), ("TCP_USER_TIMEOUT", 2_000)):
            if hasattr(socket, name):
                assert raw.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == seconds


@pytest.mark.parametrize(
    "error", [ValueError("of the code"), OSError("of the code"), TimeoutError("of the code")]
)
async def test_error_of_the_code_between_two_statements_passes_unchanged(
    database: Database, proxy: FaultProxy, error: Exception
) -> None:
    with pytest.raises(type(error), match="of the code"):  # noqa: PT012 - the code is the block
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
            raise error
    assert await read(database) == 1
    assert proxy.accepted == SIZE


# --- Defaults of the server


async def test_defaults_of_a_database_fail_no_healthy_work(url: str) -> None:
    name = url.rpartition("/")[2]
    for setting in (
        "default_transaction_isolation = 'serializable'",
        "lock_timeout = 1",
        "statement_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "transaction_timeout = 1",
        "idle_session_timeout = '1min'",
    ):
        await fetch_value(
            url.replace(f"/{name}", "/postgres"), f"ALTER DATABASE {name} SET {setting}"
        )
    async with opened_database(url, SIZE) as database:
        adapters = adapters_over(database)
        order = await place(adapters)
        async with database.connection() as connection:
            assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
            assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "8s"
            assert await connection.fetchval("SHOW idle_session_timeout") == "0"
            await connection.execute("SELECT pg_sleep(0.05)")
        async with adapters.begin() as tx:
            await tx.orders.get(order.record.id)
            await asyncio.sleep(0.05)
            await tx.orders.get(order.record.id)
        assert not await migrate(url)


async def test_session_is_read_committed_whatever_the_default(url: str) -> None:
    name = url.rpartition("/")[2]
    await fetch_value(
        url.replace(f"/{name}", "/postgres"),
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'",
    )
    async with opened_database(url, SIZE) as database:
        adapters = adapters_over(database)
        order = (await place(adapters)).record.id
        async with adapters.begin() as tx:
            await tx.orders.get(order)
            async with database.connection() as connection:
                await connection.execute(
                    "UPDATE orders SET status = 'PAID', version = 2, revision = 2 WHERE id = $1",
                    order,
                )
            # The transaction reads the other's commit.
            assert (await tx.orders.get(order)).version == 2


async def test_idle_transaction_loses_its_locks(url: str) -> None:
    async with opened_database(url, SIZE) as database:
        adapters = adapters_over(database)
        order = (await place(adapters)).record.id
        update = "UPDATE orders SET updated_at = now() WHERE id = $1"
        async with database.connection() as frozen, database.connection() as other:
            await frozen.execute("BEGIN")
            await frozen.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await frozen.execute(update, order)
            assert await other.execute(update, order) == "UPDATE 1"  # it has waited for the lock
            with pytest.raises(Unavailable) as refusal:
                await frozen.execute("COMMIT")
        assert isinstance(refusal.value.__cause__, Exception)
        assert (await order_in(adapters, order)).id == order


@pytest.mark.parametrize("is_marked", [True, False])
async def test_a_relay_does_not_wait_for_lost_responses_until_its_batch_is_late(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, *, is_marked: bool
) -> None:
    await place(adapters_over(database))
    shorten_one_timeout(monkeypatch, seconds=0)

    async def lose_the_responses() -> None:
        async with PostgresOutbox(database).batch(10) as batch:
            placements = {each.id: Placement(0, 0) for each in batch.events}
            assert placements
            shorten_one_timeout(monkeypatch, USE_TIMEOUT_SECONDS)
            proxy.silence()
            if is_marked:
                await batch.published(placements)

    async with asyncio.timeout(LONG):
        with pytest.raises(Unavailable) as failure:
            await lose_the_responses()
    assert (str(failure.value) == NOTHING_CHANGED) == is_marked  # otherwise it was the commit
