"""The state of the in-memory storage."""

from dataclasses import dataclass
from datetime import datetime

from adapters.memory.dead_letters_table import DeadLettersTable
from adapters.memory.inbox_table import ProcessedMessagesTable
from adapters.memory.orders_table import OrdersTable
from adapters.memory.outbox_table import OutboxTable
from adapters.memory.replays_table import ReplaysTable
from application.documents import Event
from application.ports.accounts import Login
from application.ports.events import Placement
from domain.ids import OrderId, UserId
from domain.order.events import Outcome


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect of processing."""

    order_id: OrderId
    outcome: Outcome
    at: datetime


class MemoryStorage:
    """The state that the adapters of this package share, as real ones share a database.

    A change happens between two awaits, so that no task sees half of it.
    """

    def __init__(self) -> None:
        self.orders = OrdersTable()
        self.outbox = OutboxTable()
        self.replays = ReplaysTable()
        #: Orders of which the cache may have an older revision, by the time since when.
        self.cache_debts: dict[OrderId, datetime] = {}
        self.dead_letters = DeadLettersTable()
        self.inbox = ProcessedMessagesTable()
        self.effects: list[Effect] = []
        #: Published and unprocessed orders, with the time of their last hand-over.
        self.unprocessed: dict[OrderId, datetime] = {}
        self.logins: dict[UserId, Login] = {}
        self.user_ids_by_email: dict[str, UserId] = {}

    def publish(self, event: Event, placement: Placement, now: datetime) -> None:
        """Mark a held event as published. A new order then waits for its processing."""
        self.outbox.publish(event, placement, now)
        order_id = OrderId(event.subject)
        order = self.orders.find(order_id)
        if event.revision == 1 and order is not None and order.record.processed_at is None:
            self.unprocessed[order_id] = now
