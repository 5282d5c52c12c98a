"""Only one of several workers on the same PostgreSQL requeues and purges at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from adapters.postgres.leases import PostgresLeases
from adapters.postgres.retention import PostgresRetentionStore
from adapters.postgres.unprocessed_orders import PostgresUnprocessedOrders
from entrypoints.composition.container import make_container
from entrypoints.composition.worker import start_worker
from entrypoints.processes.supervisor import Supervisor
from entrypoints.settings import load_settings
from tests.servers.databases import fresh_database
from tests.servers.plugin import Shared
from tests.support.app import UNLIMITED, at
from tests.support.deadlines import LONG

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

WORKERS = 3


@asynccontextmanager
async def running_worker(url: str) -> AsyncIterator[None]:
    container = make_container(load_settings(UNLIMITED | at(url)))
    supervisor = Supervisor()
    try:
        async with AsyncExitStack() as stack:
            await start_worker(container, supervisor, stack)
            yield
            await supervisor.stop(LONG)
    finally:
        await container.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str], Counter[object]]:
    """Count calls of a method for each worker's database object."""

    def count(kind: type, name: str) -> Counter[object]:
        seen: Counter[object] = Counter()
        method = getattr(kind, name)

        async def counted(self: Any, *arguments: Any) -> Any:
            result = await method(self, *arguments)
            seen[self._database] += 1
            return result

        monkeypatch.setattr(kind, name, counted)
        return seen

    return count


async def always(_: PostgresUnprocessedOrders) -> bool:
    return True


async def test_one_worker_of_several_requeues_and_purges(
    postgres_server: Shared,
    migrated: str,
    monkeypatch: pytest.MonkeyPatch,
    calls: Callable[[type, str], Counter[object]],
) -> None:
    monkeypatch.setattr("entrypoints.processes.requeuer.PASS_PERIOD_SECONDS", 0.05)
    monkeypatch.setattr("entrypoints.processes.purger.POLL_SECONDS", 0.05)
    monkeypatch.setattr(PostgresUnprocessedOrders, "exist", always)
    attempts = calls(PostgresLeases, "acquire")
    passes = calls(PostgresUnprocessedOrders, "stalled")
    purges = calls(PostgresRetentionStore, "purge")
    async with fresh_database(postgres_server.url, migrated) as url, AsyncExitStack() as workers:
        for _ in range(WORKERS):
            await workers.enter_async_context(running_worker(url))
        async with asyncio.timeout(LONG):
            while not (  # noqa: ASYNC110 - there is no event
                len(attempts) == WORKERS and min(attempts.values()) >= 10 and passes and purges
            ):
                await asyncio.sleep(0.05)
        assert len(passes) == 1
        assert len(purges) == 1
