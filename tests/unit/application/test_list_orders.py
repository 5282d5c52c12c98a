import pytest

from application.errors import NotYourOrders
from application.orders.list_orders import ListOrders, ListQuery
from application.ports.orders import OrderFilter
from domain.actor import Actor, ActorKind
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import PAID, STAFF
from tests.support.storage_actions import an_owner, move, place
from tests.support.time import MovableClock

EVERYTHING = OrderFilter()


@pytest.fixture
def stored() -> Adapters:
    return memory_adapters(MovableClock())


async def a_user_with_orders(stored: Adapters, count: int = 2) -> tuple[Actor, list[bytes]]:
    owner = await an_owner(stored)
    bodies = [(await place(stored, owner)).document.body for _ in range(count)]
    return Actor(ActorKind.USER, owner), bodies[::-1]


async def listed(stored: Adapters, query: ListQuery) -> list[bytes]:
    page = await ListOrders(stored.reader)(query)
    return [document.body for document in page.orders]


async def test_a_user_sees_their_own_orders_newest_first(stored: Adapters) -> None:
    alice, hers = await a_user_with_orders(stored)
    await a_user_with_orders(stored)
    assert await listed(stored, ListQuery(alice, EVERYTHING)) == hers
    assert await listed(stored, ListQuery(alice, OrderFilter(owner=alice.user_id))) == hers


async def test_a_user_may_not_list_the_orders_of_another(stored: Adapters) -> None:
    alice, _ = await a_user_with_orders(stored)
    bob, _ = await a_user_with_orders(stored)
    with pytest.raises(NotYourOrders):
        await listed(stored, ListQuery(alice, OrderFilter(owner=bob.user_id)))


async def test_staff_list_the_orders_of_all_users_or_of_one(stored: Adapters) -> None:
    alice, hers = await a_user_with_orders(stored)
    _, his = await a_user_with_orders(stored)
    assert await listed(stored, ListQuery(STAFF, EVERYTHING)) == his + hers
    assert await listed(stored, ListQuery(STAFF, OrderFilter(owner=alice.user_id))) == hers


async def test_the_other_filters_still_apply(stored: Adapters) -> None:
    alice, _ = await a_user_with_orders(stored)
    paid = await move(stored, (await place(stored, alice.user_id)).record.id, PAID)
    query = ListQuery(alice, OrderFilter(statuses=frozenset({PAID})))
    assert await listed(stored, query) == [paid.document.body]


async def test_orders_are_listed_in_pages(stored: Adapters) -> None:
    alice, hers = await a_user_with_orders(stored, 5)
    first = await ListOrders(stored.reader)(ListQuery(alice, EVERYTHING, limit=3))
    assert [document.body for document in first.orders] == hers[:3]
    rest = ListQuery(alice, EVERYTHING, first.next_after, limit=3)
    assert await listed(stored, rest) == hers[3:]


async def test_a_page_has_fifty_orders_by_default(stored: Adapters) -> None:
    alice, hers = await a_user_with_orders(stored, 51)
    assert await listed(stored, ListQuery(alice, EVERYTHING)) == hers[:50]
