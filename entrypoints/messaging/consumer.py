"""A consumer's loop, which passes messages from a topic to a use case."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from application.delivery.dead_letter_message import DeadLetterMessage
from application.errors import Unavailable
from application.ports.events import Delivery, EventHandler, EventSource, ReceivedEvent
from application.ports.orders import KnownOrders
from domain.ids import OrderId
from entrypoints.messaging.cloud_events import Unreadable, parse_event, traceparent_of
from entrypoints.observability.logs import logger
from entrypoints.processes.backoff import Backoff
from libraries.asyncio_tools.concurrency import for_each
from libraries.asyncio_tools.heartbeat import beat, between_rounds, round_done
from libraries.outages import outages
from libraries.trace_context import current_traceparent

#: How often a message may fail (for reasons other than outages) before it becomes a dead letter.
ATTEMPTS: Final = 5

T = TypeVar("T")
_Message: TypeAlias = tuple[Delivery, ReceivedEvent | Unreadable]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Runs a use case for each event on a topic.

    Three things can go wrong with a message:

    - It is unreadable, or about an unknown order. It becomes a dead letter.
    - A server is unavailable. The consumer waits for it, and this does not count as an attempt.
    - The use case raises any other error. It is retried with backoff, up to `ATTEMPTS` attempts in
      total, and then the message becomes a dead letter.

    Up to `concurrency` messages are processed at the same time. Messages with the same key are
    processed one after another, which means that they stay in order.
    """

    topic: str
    handle: EventHandler
    orders: KnownOrders
    dead_letter_message: DeadLetterMessage
    concurrency: int = 1

    async def run(self, source: EventSource) -> None:
        """Consume forever. A batch is committed once every message is processed or dead-lettered.

        If dead letters or the source fail, the loop ends without committing anything, and the next
        call receives the same batch again.
        """
        while True:
            with between_rounds():
                deliveries = await source.receive()
            await self._process_all(deliveries)
            await source.commit()
            round_done()

    async def _process_all(self, deliveries: Sequence[Delivery]) -> None:
        parsed = [_parse(self.topic, delivery) for delivery in deliveries]
        order_ids = [each.order_id for each in parsed if isinstance(each, ReceivedEvent)]
        known: Collection[OrderId] = ()
        if order_ids:
            known = await _wait_for_servers(
                lambda: self.orders.existing(order_ids), Unavailable.server
            )
        by_key: defaultdict[bytes | None, list[_Message]] = defaultdict(list)
        for delivery, event in zip(deliveries, parsed, strict=True):
            by_key[delivery.key].append((delivery, event))
        await for_each(
            by_key.values(),
            lambda messages: self._process_in_order(messages, known),
            self.concurrency,
        )

    async def _process_in_order(
        self, messages: Iterable[_Message], known: Collection[OrderId]
    ) -> None:
        for delivery, event in messages:
            if isinstance(event, Unreadable):
                await self._give_up(delivery, str(event))
            elif event.order_id not in known:
                await self._give_up(delivery, f"there is no order {event.order_id}")
            else:
                current_traceparent.set(traceparent_of(delivery))
                await self._process(delivery, event)

    async def _process(self, delivery: Delivery, event: ReceivedEvent) -> None:
        """Run the use case until it succeeds or has failed too often."""
        backoff = Backoff()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await _wait_for_servers(lambda: self.handle(event))
            except Exception as error:  # noqa: BLE001 - any error of the use case counts
                reason = f"{type(error).__name__}: {error}"
                logger.warning("a message failed", topic=self.topic, attempt=attempt, reason=reason)
            else:
                return
            if attempt < ATTEMPTS:
                await backoff.wait()
        await self._give_up(delivery, reason, ATTEMPTS)

    async def _give_up(self, delivery: Delivery, reason: str, attempts: int = 1) -> None:
        """Turn the message into a dead letter."""
        placement = delivery.placement
        logger.error(
            "dead-lettering a message",
            topic=self.topic,
            key=repr(delivery.key),
            partition=placement and placement.log,
            offset=placement and placement.offset,
            attempts=attempts,
            reason=reason,
        )
        await _wait_for_servers(
            lambda: self.dead_letter_message(delivery, self.topic, reason, attempts),
            Unavailable.server,
        )


def _parse(topic: str, delivery: Delivery) -> ReceivedEvent | Unreadable:
    try:
        return parse_event(topic, delivery)
    except Unreadable as error:
        return error


async def _wait_for_servers(call: Callable[[], Awaitable[T]], *servers: str) -> T:
    """Return the result of a call, repeating it while one of its servers is unavailable."""
    backoff = Backoff()
    called = set(servers)
    while True:
        try:
            with outages.noticing(*called):
                return await call()
        except Unavailable as error:
            called.add(error.server)
            await backoff.wait()
        finally:
            beat()
