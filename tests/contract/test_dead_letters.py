import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID, uuid4

import pytest
from hypothesis import given

from adapters.memory.outbox import MemoryRelayWakeup
from application.delivery.dead_letters import dead_letter_copy, dead_letter_from, replayed_message
from application.delivery.replay_dead_letters import BATCH, ReplayDeadLetters
from application.documents import Event, Original
from application.ports.dead_letters import DeadLetter, DeadLetterAdmin
from application.ports.events import Delivery, Placement
from domain.ids import EventId, OrderId
from tests.support.adapters import Adapters
from tests.support.messages import MESSAGES, WITH_SERVERS, message_of
from tests.support.orders import IDS, an_order_id
from tests.support.storage_actions import place, process, publish, waiting
from tests.support.time import HOUR, NOW, MovableClock

_HEADERS = (
    ("ce_id", b"1"),
    ("odd\0", "\u2603".encode()),
    ("binary", b"\xff\x00"),
    ("null", None),
    ("empty", b""),
    ("ce_id", b"2"),
)
MESSAGE = Delivery(b"no uuid", b"\x00\xff no json", _HEADERS)


def a_letter(
    message: Delivery = MESSAGE, *, order_id: OrderId | None = None, at: datetime = NOW
) -> DeadLetter:
    return dead_letter_from(message, "new_order", "no JSON", 1, at, order_id)


def copy(dead_letter: DeadLetter) -> Event:
    return dead_letter_copy(dead_letter, EventId(IDS.new(NOW)))


def again(dead_letter: DeadLetter) -> Event:
    return replayed_message(dead_letter, EventId(IDS.new(NOW)), NOW)


async def add(adapters: Adapters, dead_letter: DeadLetter) -> bool:
    return await adapters.dead_letters.add(dead_letter, copy(dead_letter))


async def replay(adapters: Adapters, dead_letter: DeadLetter, at: datetime = NOW) -> bool:
    return await adapters.dead_letters.replay(dead_letter.id, again(dead_letter), at)


async def all_waiting(adapters: Adapters) -> list[DeadLetter]:
    return list(await adapters.dead_letters.waiting(100))


@pytest.mark.parametrize("key", [None, b"", b"\x00\xff"])
async def test_a_dead_letter_is_stored_unchanged(adapters: Adapters, key: bytes | None) -> None:
    dead_letter = a_letter(replace(MESSAGE, key=key), order_id=an_order_id())
    assert await add(adapters, dead_letter)
    assert await all_waiting(adapters) == [dead_letter]
    assert await adapters.dead_letters.find([dead_letter.id, uuid4()]) == [dead_letter]


async def test_a_copy_of_a_dead_letter_waits_in_the_outbox(adapters: Adapters) -> None:
    dead_letter = a_letter()
    told = copy(dead_letter)
    await adapters.dead_letters.add(dead_letter, told)
    assert await publish(adapters.outbox) == [told]
    headers = (*MESSAGE.headers, ("dlq_reason", b"no JSON"), ("dlq_attempts", b"1"))
    assert told.topic == "new_order.dlq"
    assert (told.payload, told.original) == (MESSAGE.value, Original(MESSAGE.key, headers))


@WITH_SERVERS
@given(message=MESSAGES)
async def test_a_message_is_stored_copied_and_replayed_byte_for_byte(
    adapters: Adapters, message: Delivery
) -> None:
    dead_letter = dead_letter_from(message, "new_order", "no JSON", 1, NOW)
    assert await add(adapters, dead_letter)
    [kept] = await adapters.dead_letters.find([dead_letter.id])
    assert (kept.key, kept.value, kept.headers) == (message.key, message.value, message.headers)
    assert await replay(adapters, kept)
    copied, again = [(await publish(adapters.outbox))[0] for _ in range(2)]
    added = (("dlq_reason", b"no JSON"), ("dlq_attempts", b"1"))
    assert message_of(copied) == replace(message, headers=(*message.headers, *added))
    assert message_of(again) == message


async def test_a_repeated_message_is_one_dead_letter_with_one_copy(adapters: Adapters) -> None:
    assert await add(adapters, a_letter())
    assert not await add(adapters, a_letter(at=NOW + HOUR))
    assert len(await all_waiting(adapters)) == 1
    assert len(await publish(adapters.outbox)) == 1
    assert await publish(adapters.outbox) == []


async def test_concurrent_dead_letters_of_a_message_are_one_with_one_copy(
    adapters: Adapters,
) -> None:
    outcomes = await asyncio.gather(*(add(adapters, a_letter()) for _ in range(8)))
    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(await publish(adapters.outbox)) == 1
    assert await publish(adapters.outbox) == []


async def test_the_oldest_dead_letters_come_first_up_to_the_limit(
    adapters: Adapters,
) -> None:
    dead_letters = [
        a_letter(replace(MESSAGE, value=b"%d" % hours), at=NOW - hours * HOUR) for hours in range(4)
    ]
    for dead_letter in dead_letters:
        await add(adapters, dead_letter)
    oldest = await adapters.dead_letters.waiting(2)
    assert list(oldest) == [dead_letters[3], dead_letters[2]]


async def test_a_replayed_dead_letter_is_published_and_no_longer_waits(
    adapters: Adapters,
) -> None:
    dead_letter = a_letter()
    await add(adapters, dead_letter)
    assert await replay(adapters, dead_letter, NOW + HOUR)
    assert await all_waiting(adapters) == []
    [kept] = await adapters.dead_letters.find([dead_letter.id])
    assert kept == replace(dead_letter, replayed_at=NOW + HOUR)
    [first] = await publish(adapters.outbox)
    [second] = await publish(adapters.outbox)
    assert (first.topic, second.topic) == ("new_order.dlq", "new_order")
    assert (second.subject, second.revision) == (dead_letter.id, 2)
    assert (second.payload, second.original) == (
        MESSAGE.value,
        Original(MESSAGE.key, MESSAGE.headers),
    )


async def test_a_dead_letter_is_replayed_once(adapters: Adapters) -> None:
    dead_letter = a_letter()
    await add(adapters, dead_letter)
    outcomes = await asyncio.gather(*(replay(adapters, dead_letter) for _ in range(8)))
    assert sorted(outcomes) == [False] * 7 + [True]
    assert [len(await publish(adapters.outbox)) for _ in range(3)] == [1, 1, 0]


async def test_a_missing_dead_letter_is_not_replayed(adapters: Adapters) -> None:
    assert not await replay(adapters, a_letter())
    assert await waiting(adapters.outbox) == []


async def test_a_replayed_message_that_fails_again_is_a_dead_letter_again(
    adapters: Adapters,
) -> None:
    dead_letter = a_letter()
    await add(adapters, dead_letter)
    await replay(adapters, dead_letter)
    worse = replace(dead_letter, reason="still no JSON", attempts=5, at=NOW + HOUR)
    assert await add(adapters, worse)
    assert await all_waiting(adapters) == [worse]
    assert await replay(adapters, worse)
    topics = [(await publish(adapters.outbox))[0].topic for _ in range(4)]
    assert topics == ["new_order.dlq", "new_order"] * 2


async def test_pages_contain_each_waiting_dead_letter_once(adapters: Adapters) -> None:
    dead_letters = [a_letter(replace(MESSAGE, value=b"%d" % number)) for number in range(5)]
    for dead_letter in dead_letters:
        await add(adapters, dead_letter)
    await replay(adapters, dead_letters.pop())
    pages: list[DeadLetter] = []
    after = None
    while page := await adapters.dead_letters.waiting_by_id(after, 2):
        pages += page
        after = page[-1].id
    assert pages == sorted(dead_letters, key=attrgetter("id"))


class DyingAgain:
    """`DeadLetterAdmin` whose replayed messages immediately fail again, on another host.

    Raises an error if a message is replayed twice.
    """

    def __init__(self, adapters: Adapters, clock: MovableClock) -> None:
        self._adapters = adapters
        dead_letters: DeadLetterAdmin = adapters.dead_letters
        self._dead_letters = dead_letters
        self._clock = clock
        self.replayed_ids: list[UUID] = []
        self.waiting_by_id = dead_letters.waiting_by_id
        self.waiting = dead_letters.waiting
        self.find = dead_letters.find

    async def replay(self, dead_letter_id: UUID, again: Event, now: datetime) -> bool:
        assert dead_letter_id not in self.replayed_ids
        self.replayed_ids.append(dead_letter_id)
        [dead_letter] = await self._dead_letters.find([dead_letter_id])
        is_done = await self._dead_letters.replay(dead_letter_id, again, now)
        dead = replace(dead_letter, at=self._clock.now())
        assert await add(self._adapters, dead)
        return is_done


@pytest.mark.parametrize("skew", [-5 * HOUR, 0 * HOUR, 5 * HOUR])
async def test_a_full_replay_replays_each_dead_letter_once_with_skewed_clocks(
    adapters: Adapters, skew: timedelta
) -> None:
    dead_letters = [a_letter(replace(MESSAGE, value=b"%d" % number)) for number in range(BATCH + 1)]
    for dead_letter in dead_letters:
        await add(adapters, dead_letter)
    dying = DyingAgain(adapters, MovableClock(NOW))
    replay_dead_letters = ReplayDeadLetters(
        dying, MemoryRelayWakeup(), MovableClock(NOW + skew), IDS
    )
    assert await replay_dead_letters.all() == BATCH + 1
    assert sorted(dying.replayed_ids) == sorted(dead_letter.id for dead_letter in dead_letters)


async def stalled(adapters: Adapters) -> list[OrderId]:
    """Return the orders that would be requeued now."""
    now = await adapters.unprocessed.now()
    return list((await adapters.unprocessed.stalled(now + HOUR, None, 100)).orders)


async def test_an_order_with_a_dead_letter_is_not_requeued_until_its_replay(
    adapters: Adapters,
) -> None:
    dead, healthy = [(await place(adapters)).record.id for _ in range(2)]
    await publish(adapters.outbox)
    dead_letter = a_letter(order_id=dead)
    await add(adapters, dead_letter)
    assert await stalled(adapters) == [healthy]
    await replay(adapters, dead_letter)
    assert sorted(await stalled(adapters)) == [dead, healthy]
    await add(adapters, dead_letter)
    assert await stalled(adapters) == [healthy]


async def test_an_unreadable_message_does_not_stop_requeuing_of_orders(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    await publish(adapters.outbox)
    await add(adapters, a_letter(replace(MESSAGE, key=str(order_id).encode())))
    assert await stalled(adapters) == [order_id]


async def test_the_announcement_of_an_order_is_found_before_and_after_its_publication(
    adapters: Adapters,
) -> None:
    write = await place(adapters)
    assert await adapters.announcements.of(write.record.id) == write.event
    await publish(adapters.outbox)
    await process(adapters, write.record.id)
    assert await adapters.announcements.of(write.record.id) == write.event


async def test_a_missing_order_has_no_announcement(adapters: Adapters) -> None:
    assert await adapters.announcements.of(an_order_id()) is None


async def test_undecodable_records_have_different_ids() -> None:
    records = [
        Delivery(None, None, (), placement, "corrupt")
        for placement in (Placement(0, 1), Placement(0, 2), Placement(1, 1))
    ]
    dead_letters = {a_letter(record).id for record in [*records, Delivery(None, None)]}
    assert len(dead_letters) == 4
    assert a_letter(replace(records[0], defect="still corrupt")).id in dead_letters


async def test_different_messages_have_different_ids() -> None:
    messages = [
        MESSAGE,
        replace(MESSAGE, key=None),
        replace(MESSAGE, value=b""),
        replace(MESSAGE, key=b""),
        replace(MESSAGE, value=None),
        replace(MESSAGE, headers=MESSAGE.headers[1:]),
        replace(MESSAGE, headers=MESSAGE.headers[::-1]),
        replace(MESSAGE, headers=(*MESSAGE.headers[:-1], ("ce_id", None))),
    ]
    assert len({a_letter(message).id for message in messages}) == len(messages)
    assert a_letter(at=NOW + timedelta(1)).id == a_letter().id
