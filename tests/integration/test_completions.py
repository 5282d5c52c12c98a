import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from adapters.postgres import order_storage
from application.delivery.topics import PROCESSING
from application.errors import ConcurrentUpdate
from application.ports.transaction import Completion
from domain.ids import OrderId
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters
from tests.support.orders import PAID, STAFF, rendered_write
from tests.support.postgres import adapters_over, new_database
from tests.support.storage_actions import an_owner, order_in, place
from tests.support.time import NOW

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")


@pytest.fixture
async def adapters(postgres_server: Shared, migrated: str) -> AsyncIterator[Adapters]:
    async with new_database(postgres_server, migrated) as database:
        yield adapters_over(database)


async def complete(adapters: Adapters, order_id: OrderId) -> bool:
    order = await order_in(adapters, order_id)
    write = rendered_write(order.finish_processing(NOW))
    return await adapters.storage.complete(
        Completion(PROCESSING, write, order.outcome_if_processed_now)
    )


async def test_concurrent_completions_take_two_statements(
    postgres_server: Shared, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(statement: Any) -> Any:
        async def send(connection: Any, arguments: Sequence[Any]) -> Any:
            sizes.append(len(arguments))
            return await statement(connection, arguments)

        return send

    for name in ("_find_batch", "complete_batch"):
        monkeypatch.setattr(order_storage, name, counted(getattr(order_storage, name)))
    async with new_database(postgres_server, migrated) as database:
        adapters = adapters_over(database)
        owner = await an_owner(adapters)
        order_ids = [(await place(adapters, owner)).record.id for _ in range(60)]
        assert all(await asyncio.gather(*(complete(adapters, each) for each in order_ids)))
    assert sizes == [60, 60]


async def test_a_locked_order_does_not_delay_others(adapters: Adapters) -> None:
    locked, *others = [(await place(adapters)).record.id for _ in range(5)]
    async with adapters.begin() as tx:
        order = await tx.orders.get(locked)
        await tx.orders.save(rendered_write(order.move_to(PAID, STAFF, None, NOW)))
        calls = [complete(adapters, order_id) for order_id in (locked, *others)]
        refused, *answers = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(refused, ConcurrentUpdate)
        assert answers == [True] * 4
        await tx.commit()
    assert await complete(adapters, locked)
    assert (await order_in(adapters, locked)).status is PAID
