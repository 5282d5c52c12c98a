"""Events of made-up orders. They come from the domain and the service's own renderer and encoder.

A rehearsal can therefore never differ from the real events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.documents import Event
from application.ports.events import Delivery, MessageEncoder
from application.ports.orders import ChangeRenderer
from application.ports.system import IdGenerator
from domain.actor import Actor, ActorKind
from domain.ids import EventId, OrderId, UserId
from domain.money import Currency, Money
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus

#: An event type that the service doesn't have.
UNKNOWN_TYPE: Final = "order.rehearsed"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The time of the first order. It is fixed because the same seed always has the same events.
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PRODUCTS: Final = ("Green tea", "Oolong", "Assam", "Rooibos", "Teapot")
_REASON: Final = "rehearsal"
#: How far the version in an event of unknown type is ahead of its order's.
_VERSIONS_AHEAD: Final = 5
_DEAD_LETTER_REASON: Final = "ConnectionError: the warehouse does not answer"
_DEAD_LETTER_ATTEMPTS: Final = 5


class SeededIds:
    """An `IdGenerator` whose ids only depend on a seed and on the times.

    Ids of the same millisecond are unique, but not sorted.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids {seed}")  # noqa: S311 - predictable on purpose

    def new(self, now: datetime) -> UUID:
        """Return an id that contains `now`."""
        milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
        bits = self._random.getrandbits
        # The layout of a UUIDv7 (RFC 9562, section 5.7).
        return UUID(int=milliseconds << 80 | 7 << 76 | bits(12) << 64 | 0b10 << 62 | bits(62))


@dataclass(frozen=True, slots=True)
class MadeUpOrder:
    """An order's changes and their events, in version order."""

    changes: Sequence[OrderChange]
    events: Sequence[Event]

    @property
    def id(self) -> OrderId:
        """The order's id."""
        return self.changes[0].order.id

    def status(self, version: int) -> OrderStatus:
        """Return the status that the order has at a version."""
        return self.changes[version - 1].order.status


@dataclass(frozen=True, slots=True)
class EventMaker:
    """Makes orders with their events, and damaged or foreign variants of these events."""

    ids: IdGenerator
    renderer: ChangeRenderer
    encoder: MessageEncoder

    def order(self, random: Random, number: int, fewest_changes: int) -> MadeUpOrder:
        """Make an order that takes a path with at least this many changes of its status."""
        at = _START + timedelta(seconds=number)
        owner, order_id = UserId(self.ids.new(at)), OrderId(self.ids.new(at))
        reference = f"{_REASON}-{number + 1}"
        changes = [Order.place(order_id, owner, _lines(random), reference, at)]
        for status in random.choice([path for path in _PATHS if len(path) >= fewest_changes]):
            at += timedelta(minutes=random.randint(1, 60))
            changes.append(_moved(changes[-1].order, status, at))
        return MadeUpOrder(changes, [self.renderer.render(each).event for each in changes])

    def message(self, event: Event) -> Delivery:
        """Return an event's message."""
        return self.encoder.message(event)

    def unknown_type(self, order: MadeUpOrder) -> Delivery:
        """Return a message of an unknown type, which looks like a later change of the order.

        A consumer that doesn't check the type ends with a wrong version and status.
        """
        last = order.changes[-1]
        version = last.order.version + _VERSIONS_AHEAD
        later = replace(last.order, version=version, status=OrderStatus.PENDING)
        event = self.renderer.render(replace(last, order=later)).event
        return self.encoder.message(replace(event, type=UNKNOWN_TYPE))

    def dead_letter(self, event: Event) -> Delivery:
        """Return the copy of an event's message for the topic of dead letters."""
        dead_letter = dead_letter_from(
            self.encoder.message(event),
            event.topic,
            _DEAD_LETTER_REASON,
            _DEAD_LETTER_ATTEMPTS,
            event.at,
        )
        return self.encoder.message(dead_letter_copy(dead_letter, self._event_id(event)))

    def unreadable(self, random: Random, event: Event) -> Delivery:
        """Return a message like the event's, with its own id and a value that isn't an event."""
        cut = (event.payload or b"")[:-2]
        payload = random.choice([cut, b"an order for tea", b"{}", b"[]", b"", None])
        return self.encoder.message(replace(event, id=self._event_id(event), payload=payload))

    def _event_id(self, event: Event) -> EventId:
        return EventId(self.ids.new(event.at))


def _moved(order: Order, status: OrderStatus, at: datetime) -> OrderChange:
    change = order.move_to(status, Actor(ActorKind.USER, order.owner), _REASON, at)
    if change is None:
        raise ValueError(f"the order is {status} already")
    return change


def _lines(random: Random) -> OrderLines:
    quantity, cents = random.randint(1, 5), random.randint(100, 9999)
    price = Money.of(Decimal(cents) / 100, Currency.parse("USD"))
    line = OrderLine(None, random.choice(_PRODUCTS), quantity, price)
    return OrderLines((line,), price.times(quantity))


def _paths(status: OrderStatus) -> Iterator[tuple[OrderStatus, ...]]:
    """Return every path through the lifecycle that begins after this status."""
    for following in status.next:
        yield (following,)
        for rest in _paths(following):
            yield (following, *rest)


_PATHS: Final = tuple(_paths(OrderStatus.PENDING))
