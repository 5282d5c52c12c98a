import pytest

from application.bury_message import BuryMessage
from application.bury_order import BuryOrder
from application.letters import LONGEST_REASON
from application.messages import message_of
from application.ports.events import Delivery
from application.replay_dead_letters import BATCH, ReplayDeadLetters
from domain.ids import OrderId
from tests.support.orders import IDS, an_order_id
from tests.support.service import Service


@pytest.fixture
def bury_order(service: Service) -> BuryOrder:
    stored = service.stored
    return BuryOrder(stored.announcements, stored.dead_letters, service.bell, service.clock, IDS)


@pytest.fixture
def bury_message(service: Service) -> BuryMessage:
    return BuryMessage(service.stored.dead_letters, service.bell, service.clock, IDS)


@pytest.fixture
def replay(service: Service) -> ReplayDeadLetters:
    return ReplayDeadLetters(service.stored.dead_letters, service.bell, service.clock, IDS)


async def an_announced_order(service: Service) -> OrderId:
    placed = await service.placed()
    await service.relay()
    return placed.id


async def test_an_orders_letter_is_the_message_that_announced_it(
    service: Service, bury_order: BuryOrder
) -> None:
    order_id = await an_announced_order(service)
    [announced] = service.broker.arrived
    assert await bury_order(order_id, "ValueError: no tea left", 5)
    assert service.bell_rang
    [letter] = await service.stored.dead_letters.waiting(9)
    assert (letter.order_id, letter.attempts) == (order_id, 5)
    assert letter.reason == "ValueError: no tea left"
    await service.relay()
    told, copy = message_of(announced), message_of(service.broker.arrived[1])
    assert (copy.key, copy.value) == (told.key, told.value)
    extra = {"dlq_reason": "ValueError: no tea left", "dlq_attempts": "5"}
    assert copy.headers == {**told.headers, **extra}


async def test_an_order_is_buried_once(service: Service, bury_order: BuryOrder) -> None:
    order_id = await an_announced_order(service)
    assert [await bury_order(order_id, "no", 5) for _ in range(2)] == [True, False]


async def test_an_order_that_nothing_announced_is_not_buried(bury_order: BuryOrder) -> None:
    assert not await bury_order(an_order_id(), "no", 5)


async def test_an_order_that_is_put_back_is_announced_again_as_it_was(
    service: Service, bury_order: BuryOrder, replay: ReplayDeadLetters
) -> None:
    order_id = await an_announced_order(service)
    await bury_order(order_id, "no", 5)
    assert await replay.all() == 1
    while await service.relay():
        pass
    announced, _, again = service.broker.arrived
    assert again.topic == "new_order"
    assert message_of(again) == message_of(announced)


async def test_only_the_letters_that_are_named_are_put_back(
    service: Service, bury_message: BuryMessage, replay: ReplayDeadLetters
) -> None:
    for value in (b"1", b"2"):
        await bury_message(Delivery(None, value, {}), "new_order", "no key")
    one, two = await service.stored.dead_letters.waiting(9)
    assert await replay([one.id]) == [one.id]
    assert await replay([one.id]) == []
    assert list(await service.stored.dead_letters.waiting(9)) == [two]


async def test_all_letters_are_put_back_however_many(
    bury_message: BuryMessage, replay: ReplayDeadLetters
) -> None:
    for number in range(BATCH + 1):
        await bury_message(Delivery(None, b"%d" % number, {}), "new_order", "no key")
    assert await replay.all() == BATCH + 1
    assert await replay.all() == 0


async def test_a_reason_is_storable_whatever_it_says(
    service: Service, bury_message: BuryMessage
) -> None:
    for reason in ("a\0b \ud800", "", "x" * 10_000):
        await bury_message(Delivery(None, reason.encode(errors="replace"), {}), "t", reason)
    letters = await service.stored.dead_letters.waiting(9)
    assert sorted(letter.reason for letter in letters) == sorted(
        ["a\ufffdb ?", "unknown", "x" * LONGEST_REASON]
    )
