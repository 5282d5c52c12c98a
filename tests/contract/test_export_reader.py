from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.persons import a_person, a_session, begin_session, buy, cancel
from tests.support.time import NOW


async def test_orders_are_exported_in_pages_with_their_histories(adapters: Adapters) -> None:
    ada, bob = await a_person(adapters, "ada"), await a_person(adapters, "bob")
    order_ids = []
    for _ in range(5):
        order_ids.append(await buy(adapters, ada))
        await buy(adapters, bob)
    await cancel(adapters, ada, order_ids[0])
    first = await adapters.export.orders(ada.account.id, None, 2)
    rest = await adapters.export.orders(ada.account.id, first[-1].id, 10)
    assert [order.id for order in (*first, *rest)] == order_ids
    for order in (*first, *rest):
        assert order.document == await adapters.reader.find(order.id)
        history = await adapters.history.steps(order.id)
        assert history is not None
        assert list(order.steps) == list(history[1])
    assert [len(order.steps) for order in first] == [2, 1]
    assert list(await adapters.export.orders(ada.account.id, order_ids[-1], 10)) == []


async def test_sessions_are_exported_in_pages(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await a_person(adapters, "bob")
    for _ in range(3):
        assert await begin_session(adapters, a_session(ada.account.id))
    stored = list(await adapters.session_admin.of_user(ada.account.id, NOW))[::-1]
    first = await adapters.export.sessions(ada.account.id, None, 3)
    rest = await adapters.export.sessions(ada.account.id, first[-1].id, 3)
    assert [*first, *rest] == stored


async def test_an_unknown_user_has_no_data(adapters: Adapters) -> None:
    assert list(await adapters.export.orders(a_user_id(), None, 10)) == []
    assert list(await adapters.export.sessions(a_user_id(), None, 10)) == []
