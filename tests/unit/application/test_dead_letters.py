import pytest

from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.dead_letters import LONGEST_REASON
from application.delivery.replay_dead_letters import BATCH, ReplayDeadLetters
from application.ports.events import Delivery, Placement
from domain.ids import OrderId
from tests.support.messages import ENCODER, message_of
from tests.support.orders import IDS, an_order_id
from tests.support.service import Service


@pytest.fixture
def dead_letter_order(service: Service, dead_letter_message: DeadLetterMessage) -> DeadLetterOrder:
    return DeadLetterOrder(service.stored.announcements, ENCODER, dead_letter_message)


@pytest.fixture
def dead_letter_message(service: Service) -> DeadLetterMessage:
    return DeadLetterMessage(service.stored.dead_letters, service.relay_wakeup, service.clock, IDS)


@pytest.fixture
def replay(service: Service) -> ReplayDeadLetters:
    return ReplayDeadLetters(service.stored.dead_letters, service.relay_wakeup, service.clock, IDS)


async def an_announced_order(service: Service) -> OrderId:
    placed = await service.placed()
    await service.relay()
    return placed.id


async def test_the_dead_letter_of_an_order_is_the_message_that_announced_it(
    service: Service, dead_letter_order: DeadLetterOrder
) -> None:
    order_id = await an_announced_order(service)
    [announced] = service.broker.arrived
    assert await dead_letter_order(order_id, "ValueError: no tea left", 5)
    assert service.relay_was_notified
    [dead_letter] = await service.stored.dead_letters.waiting(9)
    assert (dead_letter.order_id, dead_letter.attempts) == (order_id, 5)
    assert dead_letter.reason == "ValueError: no tea left"
    await service.relay()
    original, copy = message_of(announced), message_of(service.broker.arrived[1])
    assert (copy.key, copy.value) == (original.key, original.value)
    extra = (("dlq_reason", b"ValueError: no tea left"), ("dlq_attempts", b"5"))
    assert copy.headers == (*original.headers, *extra)


async def test_an_order_becomes_a_dead_letter_once(
    service: Service, dead_letter_order: DeadLetterOrder
) -> None:
    order_id = await an_announced_order(service)
    assert [await dead_letter_order(order_id, "no", 5) for _ in range(2)] == [True, False]


async def test_an_unannounced_order_becomes_no_dead_letter(
    dead_letter_order: DeadLetterOrder,
) -> None:
    assert not await dead_letter_order(an_order_id(), "no", 5)


async def test_a_replay_publishes_the_same_message(
    service: Service, dead_letter_order: DeadLetterOrder, replay: ReplayDeadLetters
) -> None:
    order_id = await an_announced_order(service)
    await dead_letter_order(order_id, "no", 5)
    assert await replay.all() == 1
    while await service.relay():
        pass
    announced, _, again = service.broker.arrived
    assert again.topic == "new_order"
    assert message_of(again) == message_of(announced)


async def test_only_the_given_dead_letters_are_replayed(
    service: Service, dead_letter_message: DeadLetterMessage, replay: ReplayDeadLetters
) -> None:
    for value in (b"1", b"2"):
        await dead_letter_message(Delivery(None, value), "new_order", "no key")
    one, two = await service.stored.dead_letters.waiting(9)
    assert await replay([one.id]) == [one.id]
    assert await replay([one.id]) == []
    assert list(await service.stored.dead_letters.waiting(9)) == [two]


async def test_all_dead_letters_are_replayed_in_batches(
    dead_letter_message: DeadLetterMessage, replay: ReplayDeadLetters
) -> None:
    for number in range(BATCH + 1):
        await dead_letter_message(Delivery(None, b"%d" % number), "new_order", "no key")
    assert await replay.all() == BATCH + 1
    assert await replay.all() == 0


async def test_any_reason_can_be_stored(
    service: Service, dead_letter_message: DeadLetterMessage
) -> None:
    for reason in ("a\0b \ud800", "", "x" * 10_000):
        await dead_letter_message(Delivery(None, reason.encode(errors="replace")), "t", reason)
    dead_letters = await service.stored.dead_letters.waiting(9)
    assert sorted(dead_letter.reason for dead_letter in dead_letters) == sorted(
        ["a\ufffdb ?", "unknown", "x" * LONGEST_REASON]
    )


async def test_undecodable_records_are_identified_by_their_placement(
    dead_letter_message: DeadLetterMessage,
) -> None:
    places = [Placement(0, 1), Placement(0, 2), None]
    records = [Delivery(None, None, (), place, "it is corrupt") for place in places]
    outcomes = [await dead_letter_message(record, "new_order", "corrupt") for record in records * 2]
    assert outcomes == [True] * 3 + [False] * 3
    assert await dead_letter_message(Delivery(None, None), "new_order", "it is empty")


async def test_messages_that_differ_in_a_byte_are_separate_dead_letters(
    dead_letter_message: DeadLetterMessage,
) -> None:
    headers = (("a", b"1"), ("a", None))
    messages = [
        Delivery(key, value, some)
        for key in (None, b"", b"k")
        for value in (None, b"", b"v")
        for some in ((), headers, headers[::-1], headers[:1])
    ]
    outcomes = [
        await dead_letter_message(message, "new_order", "no JSON") for message in messages * 2
    ]
    assert outcomes == [True] * len(messages) + [False] * len(messages)


async def test_undecodable_records_differ_by_their_placement(
    service: Service, dead_letter_message: DeadLetterMessage
) -> None:
    placements = [Placement(0, 7), Placement(0, 8), Placement(1, 7), Placement(0, 7)]
    records = [Delivery(None, None, (), each, "it is corrupt") for each in placements]
    outcomes = [await dead_letter_message(each, "new_order", "it is corrupt") for each in records]
    assert outcomes == [True, True, True, False]
    assert len(await service.stored.dead_letters.waiting(9)) == 3
