from domain.actor import SYSTEM
from tests.support.adapters import Adapters
from tests.support.orders import PAID, SHIPPED, STAFF, an_order_id
from tests.support.storage_actions import an_owner, move, place, process


async def test_a_missing_order_has_no_history(adapters: Adapters) -> None:
    assert await adapters.history.steps(an_order_id()) is None


async def test_steps_come_oldest_first_with_actor_reason_and_time(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    placed = await place(adapters, owner)
    paid = await move(adapters, placed.record.id, PAID, by=STAFF)
    shipped = await move(adapters, placed.record.id, SHIPPED, by=SYSTEM)
    found = await adapters.history.steps(placed.record.id)
    assert found is not None
    assert found[0] == owner
    assert list(found[1]) == [placed.step, paid.step, shipped.step]
    assert [step.reason for step in found[1]] == [None, "to PAID", "to SHIPPED"]


async def test_processing_adds_no_step(adapters: Adapters) -> None:
    placed = await place(adapters)
    await process(adapters, placed.record.id)
    found = await adapters.history.steps(placed.record.id)
    assert found is not None
    assert list(found[1]) == [placed.step]


async def test_each_order_has_its_own_history(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    one, other = [await place(adapters, owner) for _ in range(2)]
    await move(adapters, one.record.id, PAID)
    found = await adapters.history.steps(other.record.id)
    assert found is not None
    assert list(found[1]) == [other.step]
