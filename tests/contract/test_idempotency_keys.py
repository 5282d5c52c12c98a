import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from application.documents import OrderWrite
from application.ports.idempotency import KEY_LIFETIME, IdempotencyKey, IdempotencyRecord
from domain.errors import ReferenceTaken
from domain.ids import UserId
from tests.support.adapters import Adapters
from tests.support.orders import a_placed_order, rendered_write
from tests.support.storage_actions import an_owner, place, waiting

FINGERPRINT = bytes(32)


def a_call(
    owner: UserId, key: str = "key", reference: str | None = None
) -> tuple[OrderWrite, IdempotencyRecord]:
    """Return a new order and the record of its key."""
    write = rendered_write(a_placed_order(owner, reference=reference))
    wanted = IdempotencyKey(key, FINGERPRINT)
    return write, IdempotencyRecord(owner, wanted, write.record.id, write.document.body)


async def test_a_new_key_stores_the_order_its_step_and_its_event(adapters: Adapters) -> None:
    write, record = a_call(await an_owner(adapters))
    assert await adapters.storage.add_once(write, record) == record
    assert await adapters.reader.find(record.order_id) == write.document
    found = await adapters.history.steps(record.order_id)
    assert found is not None
    assert [step.version for step in found[1]] == [1]
    assert await waiting(adapters.outbox) == [write.event]


async def test_a_used_key_returns_its_record_and_stores_nothing(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    write, first = a_call(owner)
    await adapters.storage.add_once(write, first)
    again, second = a_call(owner)
    assert await adapters.storage.add_once(again, second) == first
    assert await adapters.reader.find(second.order_id) is None
    assert await waiting(adapters.outbox) == [write.event]


@pytest.mark.parametrize("body", [b"{}", b"", b'{"id": "\xc3\xbc"}\n'])
async def test_the_body_is_stored_byte_for_byte(adapters: Adapters, body: bytes) -> None:
    owner = await an_owner(adapters)
    write, record = a_call(owner)
    first = replace(record, body=body)
    await adapters.storage.add_once(write, first)
    assert await adapters.storage.add_once(*a_call(owner)) == first


async def test_a_repeated_call_with_a_reference_is_no_conflict(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    write, first = a_call(owner, reference="cart-1")
    await adapters.storage.add_once(write, first)
    assert await adapters.storage.add_once(*a_call(owner, reference="cart-1")) == first


async def test_a_refused_order_leaves_its_key_free(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    await place(adapters, owner, reference="cart-1")
    with pytest.raises(ReferenceTaken):
        await adapters.storage.add_once(*a_call(owner, reference="cart-1"))
    write, record = a_call(owner, reference="cart-2")
    assert await adapters.storage.add_once(write, record) == record


async def test_keys_belong_to_their_users(adapters: Adapters) -> None:
    for _ in range(2):
        write, record = a_call(await an_owner(adapters))
        assert await adapters.storage.add_once(write, record) == record


async def test_keys_differ_by_case(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    for key in ("key", "Key", "k" * 255):
        write, record = a_call(owner, key)
        assert await adapters.storage.add_once(write, record) == record


async def test_one_of_many_concurrent_calls_with_a_key_is_stored(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    calls = [a_call(owner) for _ in range(20)]
    found = await asyncio.gather(*(adapters.storage.add_once(*call) for call in calls))
    stored = await adapters.reader.find_many([record.order_id for _, record in calls])
    assert len(stored) == 1
    assert {record.order_id for record in found} == set(stored)
    assert len(await waiting(adapters.outbox)) == 1


async def test_concurrent_calls_with_different_keys_are_all_stored(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    calls = [a_call(owner, f"key {n}", f"cart-{n}") for n in range(100)]
    found = await asyncio.gather(*(adapters.storage.add_once(*call) for call in calls))
    assert found == [record for _, record in calls]


async def test_a_key_is_free_again_after_its_lifetime(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    write, first = a_call(owner)
    await adapters.storage.add_once(write, first)
    await adapters.pass_time((KEY_LIFETIME - timedelta(minutes=1)).total_seconds())
    assert await adapters.storage.add_once(*a_call(owner)) == first
    await adapters.pass_time(61)
    write, second = a_call(owner)
    assert await adapters.storage.add_once(write, second) == second
    assert set(await adapters.reader.find_many([first.order_id, second.order_id])) == {
        first.order_id,
        second.order_id,
    }
    assert await adapters.storage.add_once(*a_call(owner)) == second
