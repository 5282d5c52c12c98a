"""The life of three orders, step by step, in a process that may be killed."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from dishka import AsyncContainer

from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.dead_letter_order import DeadLetterOrder
from application.delivery.hand_over_order import HandOverOrder
from application.delivery.purge import PurgeExpired
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.delivery.topics import NEW_ORDER
from application.errors import ProcessingFailed
from application.orders.change_status import ChangeStatus, ChangeStatusCommand
from application.orders.place_order import PlaceOrder, PlaceOrderCommand
from application.orders.place_order_once import PlaceOrderOnce
from application.orders.process_order import ProcessOrder
from application.orders.read_order import ReadOrder
from application.ports.orders import KnownOrders, OrderFilter, OrderReader
from domain.actor import Actor, ActorKind
from domain.errors import ReferenceTaken
from domain.ids import OrderId, UserId
from domain.order.status import OrderStatus
from entrypoints.messaging.consumer import Consumer
from tests.faults.walked_ports import Servers
from tests.model.interruptions import Points, interruptible
from tests.model.surroundings import EndOfLog
from tests.support.orders import CANCELED, PAID, SHIPPED, a_user_id, tea

T = TypeVar("T")

#: The three orders, named after what happens to them.
FULFILLED: Final = "fulfilled"
CANCELED_EARLY: Final = "canceled early"
DEAD_LETTERED: Final = "dead-lettered"
ORDERS: Final = (FULFILLED, CANCELED_EARLY, DEAD_LETTERED)
#: Requeues every published order, whenever it was handed over.
_ANY_AGE: Final = timedelta(seconds=-60)


@dataclass(frozen=True, slots=True)
class Customer:
    """The owner of the orders, and their ids."""

    id: UserId = field(default_factory=a_user_id)
    ids: dict[str, OrderId] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.USER, self.id)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, which ends with its container."""

    container: AsyncContainer
    points: Points
    servers: Servers
    customer: Customer

    async def _get(self, use_case: type[T]) -> T:
        return await self.container.get(use_case)

    async def place_by_reference(self, name: str) -> None:
        """Place an order without an idempotency key, or find the one that was stored."""
        place = await self._get(PlaceOrder)
        try:
            placed = await place(PlaceOrderCommand(self.customer.id, tea(), name))
        except ReferenceTaken:
            reader = await self.container.get(OrderReader)
            wanted = OrderFilter(owner=self.customer.id, reference=name)
            [document] = (await reader.page(wanted, None, 2)).orders
            self.customer.ids[name] = OrderId(UUID(json.loads(document.body)["id"]))
        else:
            self.customer.ids[name] = placed.id

    async def place(self, name: str) -> None:
        """Place an order with its name as the idempotency key."""
        place = await self._get(PlaceOrderOnce)
        placed = await place(PlaceOrderCommand(self.customer.id, tea()), name)
        assert self.customer.ids.setdefault(name, placed.id) == placed.id
        if name == DEAD_LETTERED:
            self.servers.shop.refused.add(placed.id)

    async def change(self, name: str, status: OrderStatus) -> None:
        """Change an order's status as its owner."""
        change = await self._get(ChangeStatus)
        await change(ChangeStatusCommand(self.customer.ids[name], status, self.customer.actor))

    async def read(self, name: str) -> None:
        """Read an order, possibly from the cache."""
        read = await self._get(ReadOrder)
        await read(self.customer.ids[name], self.customer.actor)

    async def relay(self) -> int:
        """Run one round of the relay."""
        relay = await self._get(RelayOutbox)
        return await relay()

    async def consume(self) -> None:
        """Consume all messages."""
        consumer = Consumer(
            NEW_ORDER,
            await self._get(HandOverOrder),
            await self.container.get(KnownOrders),
            await self._get(DeadLetterMessage),
            200,
        )
        try:
            await consumer.run(interruptible(self.servers.topic, self.points))
        except EndOfLog:
            return

    async def work(self) -> None:
        """Run all tasks. A failed one becomes a dead letter. Only then is it acknowledged."""
        process, dead_letter = await self._get(ProcessOrder), await self._get(DeadLetterOrder)
        waiting = self.servers.queue.waiting
        while waiting:
            try:
                await process(waiting[0])
            except ProcessingFailed as error:
                await dead_letter(waiting[0], str(error), 5)
            waiting.pop(0)

    async def requeue(self) -> None:
        """Requeue all unprocessed orders."""
        requeue = await self._get(RequeueStalledOrders)
        await requeue(_ANY_AGE)
        await requeue.release()

    async def replay_events(self) -> None:
        """Replay the fulfilled order's events."""
        replay = await self._get(ReplayEvents)
        await replay.of_order(self.customer.ids[FULFILLED])

    async def replay_dead_letters(self) -> None:
        """Replay all dead letters, after the cause of their failures has been remedied."""
        self.servers.shop.refused.clear()
        replay = await self._get(ReplayDeadLetters)
        await replay.all()

    async def purge(self) -> None:
        """Purge expired data."""
        purge = await self._get(PurgeExpired)
        await purge(lambda: None)


Step = tuple[str, Callable[[Process], Awaitable[object]]]

#: The life of the three orders.
LIFE: Final[Sequence[Step]] = (
    ("place the first order", lambda at: at.place(FULFILLED)),
    ("place the second order", lambda at: at.place_by_reference(CANCELED_EARLY)),
    ("place the third order", lambda at: at.place(DEAD_LETTERED)),
    ("read", lambda at: at.read(FULFILLED)),
    ("pay", lambda at: at.change(FULFILLED, PAID)),
    ("cancel", lambda at: at.change(CANCELED_EARLY, CANCELED)),
    ("publish", Process.relay),
    ("hand over", Process.consume),
    ("process", Process.work),
    ("publish the results", Process.relay),
    ("ship", lambda at: at.change(FULFILLED, SHIPPED)),
    ("replay events", Process.replay_events),
    ("publish the replay", Process.relay),
    ("replay dead letters", Process.replay_dead_letters),
    ("publish the dead letter again", Process.relay),
    ("hand over again", Process.consume),
    ("requeue", Process.requeue),
    ("process again", Process.work),
    ("publish the last results", Process.relay),
    ("purge", Process.purge),
)
