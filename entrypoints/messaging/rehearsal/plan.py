"""Plan a rehearsal: its records in order, and the state in which a right consumer ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

from application.documents import Event
from application.ports.events import Delivery
from domain.ids import OrderId
from domain.order.status import OrderStatus
from entrypoints.messaging.rehearsal.events import EventMaker, MadeUpOrder

#: The probability of each fault for each order.
_FAULT_RATE: Final = 0.3


class Kind(StrEnum):
    """The kinds of records in a rehearsal."""

    FIRST_DELIVERY = "first-delivery"
    DUPLICATE = "duplicate"  # the order's newest event again
    REPLAY = "replay"  # an older event again
    GAP = "gap"  # the first delivery of a version, before that of its predecessor
    LATE = "late"  # the predecessor, which closes the gap
    UNKNOWN_TYPE = "unknown-type"
    DEAD_LETTER = "dead-letter"  # an older event again, as on the topic of dead letters
    UNREADABLE = "unreadable"


#: Every rehearsal contains each of these. A gap comes with a late event.
_FAULTS: Final = tuple(kind for kind in Kind if kind not in {Kind.FIRST_DELIVERY, Kind.LATE})


@dataclass(frozen=True, slots=True)
class Record:
    """One record on the topic. `event` is None if a right consumer doesn't apply any event.

    That is the case for unknown types and for unreadable records.
    """

    kind: Kind
    order_id: OrderId
    event: Event | None
    message: Delivery


@dataclass(frozen=True, slots=True)
class FinalState:
    """The state of an order after the rehearsal: its highest version with the status.

    `applied` are the versions that a consumer applies if it skips versions that it has passed.
    """

    order_id: OrderId
    version: int
    status: OrderStatus
    applied: Sequence[int]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Records in the order of their publication, and the final state of every order."""

    records: Sequence[Record]
    final_states: Sequence[FinalState]

    @property
    def unreadable(self) -> int:
        """The number of records that can't be read."""
        return sum(record.kind is Kind.UNREADABLE for record in self.records)


def plan_rehearsal(seed: int, orders: int, maker: EventMaker) -> Rehearsal:
    """Plan a rehearsal with this number of orders, which is at least 1.

    Every kind of record occurs. The last event of at least one order isn't its newest, so a
    consumer that doesn't skip passed versions ends differently. The plan only depends on the seed
    and the number if that is true of the ids too.
    """
    random = Random(seed)  # noqa: S311 - predictable on purpose
    stories, states = [], []
    for number, faults in enumerate(_choose_faults(random, orders)):
        # A gap needs a version between the first one and the last one.
        order = maker.order(random, number, 2 if Kind.GAP in faults else 1)
        stories.append(_story(random, order, faults, maker))
        states.append(_final_state(order, stories[-1]))
    return Rehearsal(_interleaved(random, stories), states)


def _choose_faults(random: Random, orders: int) -> Sequence[set[Kind]]:
    """Choose the faults of each order at random, with each fault in at least one order."""
    chosen: list[set[Kind]] = [
        {each for each in _FAULTS if random.random() < _FAULT_RATE} for _ in range(orders)
    ]
    for fault in _FAULTS:
        random.choice(chosen).add(fault)
    return chosen


def _story(
    random: Random, order: MadeUpOrder, faults: set[Kind], maker: EventMaker
) -> Sequence[Record]:
    """Return the records of one order."""

    def record(kind: Kind, event: Event) -> Record:
        return Record(kind, order.id, event, maker.message(event))

    records = [record(Kind.FIRST_DELIVERY, event) for event in order.events]
    if Kind.GAP in faults:
        late, early = order.events[-2:]
        records[-2:] = [record(Kind.GAP, early), record(Kind.LATE, late)]
    if Kind.DUPLICATE in faults:
        newest = [n for n, each in enumerate(records) if each.kind is not Kind.LATE]
        place = random.choice(newest)
        records.insert(place + 1, replace(records[place], kind=Kind.DUPLICATE))
    if Kind.REPLAY in faults:
        place, event = _older_event(random, records)
        records.insert(place, record(Kind.REPLAY, event))
    if Kind.DEAD_LETTER in faults:
        place, event = _older_event(random, records)
        letter = Record(Kind.DEAD_LETTER, order.id, event, maker.dead_letter(event))
        records.insert(place, letter)
    if Kind.UNKNOWN_TYPE in faults:
        unknown = Record(Kind.UNKNOWN_TYPE, order.id, None, maker.unknown_type(order))
        records.insert(random.randint(1, len(records)), unknown)
    if Kind.UNREADABLE in faults:
        message = maker.unreadable(random, order.events[-1])
        unreadable = Record(Kind.UNREADABLE, order.id, None, message)
        records.insert(random.randint(1, len(records)), unreadable)
    return records


def _older_event(random: Random, records: Sequence[Record]) -> tuple[int, Event]:
    """Choose a place, and an event that has been delivered before it but isn't the newest."""
    choices = []
    for place in range(1, len(records) + 1):
        events = [each.event for each in records[:place] if each.event]
        newest = max(event.version for event in events)
        choices += [(place, event) for event in events if event.version < newest]
    return random.choice(choices)


def _final_state(order: MadeUpOrder, records: Sequence[Record]) -> FinalState:
    applied = [0]
    for record in records:
        if record.event and record.event.version > applied[-1]:
            applied.append(record.event.version)
    return FinalState(order.id, applied[-1], order.status(applied[-1]), applied[1:])


def _interleaved(random: Random, stories: Sequence[Sequence[Record]]) -> Sequence[Record]:
    """Merge the records of all orders at random. Those of one order stay in their order."""
    turns = [number for number, story in enumerate(stories) for _ in story]
    random.shuffle(turns)
    remaining = [iter(story) for story in stories]
    return [next(remaining[number]) for number in turns]
