"""What every write of an order leaves behind, made in one place."""

from application.documents import OrderWrite
from application.ports.orders import EventRenderer, OrderRenderer
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId
from domain.order.history import step_of
from domain.order.order import Order


class OrderWriter:
    """Turns an order that was changed into all that must be stored together."""

    def __init__(
        self, renderer: OrderRenderer, events: EventRenderer, clock: Clock, ids: IdGenerator
    ) -> None:
        self._renderer = renderer
        self._events = events
        self._clock = clock
        self._ids = ids

    def write(self, order: Order) -> OrderWrite:
        """The order's record, document, event and step after what it has just recorded."""
        record = self._renderer.record(order)
        document = self._renderer.document(record)
        event_id = EventId(self._ids.new(self._clock.now()))
        event = self._events.event(order, document, event_id)
        return OrderWrite(record, document, event, step_of(order))
