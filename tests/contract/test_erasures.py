import json
from datetime import timedelta

import pytest

from application.delivery.dead_letters import ERASED_REASON, REASON_HEADER
from application.ports.erasures import ErasedPart, Erasure
from application.ports.orders import OrderFilter
from domain.account import Account, erased_email
from domain.actor import Role
from domain.errors import EmailTaken
from domain.ids import OrderId, UserId
from domain.order.status import OrderStatus
from tests.support.adapters import Adapters
from tests.support.orders import a_user_id
from tests.support.persons import (
    HASH,
    Person,
    a_person,
    a_session,
    begin_session,
    buy,
    cancel,
    live,
)
from tests.support.storage_actions import process, publish, waiting
from tests.support.time import NOW

LATER = NOW + timedelta(minutes=1)


async def close(to: Adapters, person: Person) -> bool:
    return await to.erasures.begin(person.account.id, HASH, "unusable", NOW)


async def erase(to: Adapters, user_id: UserId, limit: int = 200) -> int:
    """Make a pass and return the number of its transactions."""
    count, has_more = 0, True
    while has_more:
        part = await to.erasures.erase_some(user_id, limit)
        assert not part.has_skipped
        count, has_more = count + 1, part.has_more
        assert count < 50
    return count


async def document(to: Adapters, order_id: OrderId) -> dict[str, object]:
    found = await to.reader.find(order_id)
    assert found is not None
    decoded: dict[str, object] = json.loads(found.body)
    return decoded


# --- closing an account


async def test_a_closed_account_has_no_address_no_role_and_no_password(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await adapters.accounts.update(ada.account.email, role=Role.STAFF)
    assert await close(adapters, ada)
    closed = await adapters.accounts.find(ada.account.id)
    assert closed is not None
    assert (closed.email, closed.role) == (erased_email(ada.account.id), Role.USER)
    assert closed.disabled
    assert closed.is_erased
    assert not ada.account.is_erased
    login = await adapters.accounts.login(closed.email)
    assert login is not None
    assert login.password_hash == "unusable"


async def test_the_address_of_a_closed_account_is_free(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    again = Account(id=a_user_id(), email=ada.account.email, created_at=NOW)
    with pytest.raises(EmailTaken):
        await adapters.accounts.add(again, "hash")
    await close(adapters, ada)
    assert await adapters.accounts.login(ada.account.email) is None
    await adapters.accounts.add(again, "hash")
    assert await adapters.accounts.find(again.id) == again


async def test_an_account_with_another_hash_is_not_closed(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    assert not await adapters.erasures.begin(ada.account.id, "old hash", "unusable", NOW)
    assert not await adapters.erasures.begin(a_user_id(), HASH, "unusable", NOW)
    assert await adapters.accounts.find(ada.account.id) == ada.account
    assert await adapters.erasures.due(LATER, 10) == []


async def test_an_account_is_closed_once(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    assert await close(adapters, ada)
    assert not await close(adapters, ada)
    assert not await adapters.erasures.begin(ada.account.id, "unusable", "other", NOW)


# --- erasing


async def test_nothing_that_the_person_wrote_is_left(adapters: Adapters) -> None:
    ada, bob = await live(adapters, "ada-lovelace"), await live(adapters, "bob-noyce")
    before = await adapters.stored_facts.dump()
    assert before.count(ada.name) > 20
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    after = await adapters.stored_facts.dump()
    assert ada.name not in after
    assert after.count(bob.name) == before.count(bob.name)


async def test_an_erased_order_keeps_its_books(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    order_id = await buy(adapters, ada)
    await cancel(adapters, ada, order_id)
    before = await document(adapters, order_id)
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    after = await document(adapters, order_id)
    assert after["items"] == [
        {"product_id": "tea", "name": "Green tea", "quantity": 2, "price": 9.9}
    ]
    assert after == {key: before[key] for key in before if key != "reference"} | {
        "items": after["items"]
    }
    history = await adapters.history.steps(order_id)
    assert history is not None
    assert history[0] == ada.account.id
    assert [(step.after, step.by, step.reason) for step in history[1]] == [
        (OrderStatus.PENDING, ada.actor, None),
        (OrderStatus.CANCELED, ada.actor, None),
    ]


async def test_the_reference_of_an_erased_order_finds_nothing(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    order_id = await buy(adapters, ada)
    wanted = OrderFilter(owner=ada.account.id, reference=f"ada {order_id}")
    assert len((await adapters.reader.page(wanted, None, 10)).orders) == 1
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    assert (await adapters.reader.page(wanted, None, 10)).orders == []


async def test_erased_orders_are_published_and_processed_as_usual(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    order_id = await buy(adapters, ada)
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    (event,) = await publish(adapters.outbox)
    assert event.payload is not None
    assert json.loads(event.payload) == await document(adapters, order_id)
    await process(adapters, order_id)
    assert len(await publish(adapters.outbox)) == 1


async def test_reasons_in_the_orders_of_others_are_erased(adapters: Adapters) -> None:
    ada, bob = await a_person(adapters, "ada"), await a_person(adapters, "bob")
    order_ids = [await buy(adapters, bob) for _ in range(5)]
    for order_id in order_ids[:3]:
        await cancel(adapters, ada, order_id)
    await cancel(adapters, bob, order_ids[3])
    before = [await document(adapters, order_id) for order_id in order_ids]
    await close(adapters, ada)
    await erase(adapters, ada.account.id, limit=2)
    assert [await document(adapters, order_id) for order_id in order_ids] == before
    reasons = []
    for order_id in order_ids[:4]:
        history = await adapters.history.steps(order_id)
        assert history is not None
        reasons.append(history[1][-1].reason)
    assert reasons == [None, None, None, "bob regrets it"]
    assert "ada regrets it" not in await adapters.stored_facts.dump()


async def test_dead_letters_keep_their_place_but_not_their_reason(adapters: Adapters) -> None:
    ada = await live(adapters, "ada")
    before = await adapters.dead_letters.waiting(10)
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    after = await adapters.dead_letters.waiting(10)
    assert [each.id for each in after] == [each.id for each in before]
    assert {each.reason for each in after} == {ERASED_REASON}
    assert b"" in {each.value for each in after}  # this was no JSON
    copies = [event.original for event in await waiting(adapters.outbox) if event.original]
    assert len(copies) == 2
    reasons = {value for each in copies for name, value in each.headers if name == REASON_HEADER}
    assert reasons == {ERASED_REASON.encode()}


async def test_every_order_of_a_pass_is_owed_to_the_cache(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    order_ids = {await buy(adapters, ada) for _ in range(3)}
    await close(adapters, ada)
    part = await adapters.erasures.erase_some(ada.account.id, 200)
    assert {debt.order_id for debt in part.debts} == order_ids
    assert set(await adapters.cache_debts.oldest(10)) == set(part.debts)


async def test_copies_of_erased_orders_are_not_trusted(adapters: Adapters) -> None:
    ada, bob = await a_person(adapters, "ada"), await a_person(adapters, "bob")
    hers, his = await buy(adapters, ada), await buy(adapters, bob)
    assert await adapters.reader.revision(hers) == 1
    await close(adapters, ada)
    assert await adapters.reader.revision(hers) is None
    assert await adapters.reader.revision(his) == 1


async def test_a_large_account_is_erased_in_parts(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada-lovelace")
    for _ in range(7):
        await buy(adapters, ada)
    for _ in range(4):
        assert await begin_session(adapters, a_session(ada.account.id, ada.name))
    await close(adapters, ada)
    await erase(adapters, ada.account.id, limit=2)
    assert ada.name not in await adapters.stored_facts.dump()


async def test_an_account_without_data_is_erased(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await close(adapters, ada)
    assert await erase(adapters, ada.account.id) <= 2


async def test_an_account_that_was_not_closed_is_not_erased(adapters: Adapters) -> None:
    ada = await live(adapters, "ada")
    before = await adapters.stored_facts.dump()
    nothing = ErasedPart((), has_more=False, has_skipped=False)
    assert await adapters.erasures.erase_some(ada.account.id, 10) == nothing
    assert await adapters.stored_facts.dump() == before


# --- passes


async def test_an_erasure_is_due_until_its_last_pass_has_ended(adapters: Adapters) -> None:
    ada = await a_person(adapters, "ada")
    await close(adapters, ada)
    first = Erasure(ada.account.id, 0)
    assert await adapters.erasures.due(NOW - timedelta(seconds=1), 10) == []
    assert await adapters.erasures.due(NOW, 10) == [first]
    await adapters.erasures.end_pass(first, 1, LATER)
    assert await adapters.erasures.due(NOW, 10) == []
    last = Erasure(ada.account.id, 1)
    assert await adapters.erasures.due(LATER, 10) == [last]
    await adapters.erasures.end_pass(first, 1, NOW)  # another process was faster
    assert await adapters.erasures.due(NOW, 10) == []
    await adapters.erasures.end_pass(last, 2, None)
    assert await adapters.erasures.due(LATER, 10) == []
    await adapters.erasures.end_pass(last, 2, NOW)
    assert await adapters.erasures.due(LATER, 10) == []


async def test_the_most_overdue_erasures_come_first(adapters: Adapters) -> None:
    persons = [await a_person(adapters, name) for name in ("ada", "bob", "eve")]
    times = (LATER, NOW, LATER + timedelta(seconds=1))
    for person, at in zip(persons, times, strict=True):
        await adapters.erasures.begin(person.account.id, HASH, "unusable", at)
    due = await adapters.erasures.due(LATER, 10)
    assert [each.user_id for each in due] == [persons[1].account.id, persons[0].account.id]
    assert len(await adapters.erasures.due(LATER, 1)) == 1


async def test_the_last_pass_erases_what_was_written_after_the_first_one(
    adapters: Adapters,
) -> None:
    ada = await a_person(adapters, "ada-lovelace")
    await close(adapters, ada)
    await erase(adapters, ada.account.id)
    await adapters.erasures.end_pass(Erasure(ada.account.id), 1, LATER)
    await buy(adapters, ada)  # in a request that was authenticated before
    assert ada.name in await adapters.stored_facts.dump()
    await erase(adapters, ada.account.id)
    assert ada.name not in await adapters.stored_facts.dump()
