"""The consumer: `new_order` to `process_order_task`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.outages import DATABASE, QUEUE, outages
from application.delivery.topics import NEW_ORDER, TYPES
from application.errors import Unavailable
from application.ports.events import Delivery, EventSource
from application.ports.orders import OrderReader
from application.ports.tasks import TaskQueue
from domain.ids import OrderId
from entrypoints.observability.logs import logger
from entrypoints.processes.backoff import Backoff
from libraries.asyncio_tools.heartbeat import beat, between_rounds, round_done
from libraries.trace_context import current_traceparent

_TYPE: Final = TYPES[NEW_ORDER]

T = TypeVar("T")


class Unreadable(ValueError):
    """Why a message announces no order."""


class _Announced(msgspec.Struct):
    id: UUID


async def consume(
    source: EventSource, tasks: TaskQueue, orders: OrderReader, bury: DeadLetterMessage
) -> None:
    """Hand every announced order to the task queue, for ever; commit only what is dealt with.

    A message that announces no order of ours is buried, and holds up nothing. A server out of
    reach is waited for: it is not the message's failure. Any other error ends the loop with
    nothing committed, so that the next call receives the batch again.
    """
    while True:
        with between_rounds():
            deliveries = await source.receive()
        await _deal_with(deliveries, tasks, orders, bury)
        await source.commit()
        round_done()


def announced_order(delivery: Delivery) -> OrderId:
    """The order that a message announces.

    Raises:
        Unreadable: it announces none.
    """
    if delivery.defect is not None:
        raise Unreadable(delivery.defect)
    kind = _text(delivery.header("ce_type"))
    if kind != _TYPE:
        raise Unreadable(f"ce_type is {kind!r}, not {_TYPE!r}")
    order_id = _key(delivery)
    try:
        announced = msgspec.json.decode(delivery.value or b"", type=_Announced)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(f"the value is no order in JSON: {error}") from error
    if announced.id != order_id:
        raise Unreadable(f"the value's id {announced.id} is not the key {order_id}")
    return order_id


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _key(delivery: Delivery) -> OrderId:
    try:
        text = (delivery.key or b"").decode("ascii")
        order_id = UUID(text)
    except ValueError as error:
        raise Unreadable("the key is no UUID") from error
    if text.lower() != str(order_id):  # UUID() also reads braces, prefixes and missing hyphens
        raise Unreadable("the key is no UUID")
    return OrderId(order_id)


async def _deal_with(
    deliveries: Sequence[Delivery], tasks: TaskQueue, orders: OrderReader, bury: DeadLetterMessage
) -> None:
    verdicts = [_read(delivery) for delivery in deliveries]
    announced = [verdict for verdict in verdicts if not isinstance(verdict, Unreadable)]
    known: Mapping[OrderId, object] = {}
    if announced:
        known = await _patiently(DATABASE, lambda: orders.find_many(announced))
    for delivery, verdict in zip(deliveries, verdicts, strict=True):
        if isinstance(verdict, Unreadable):
            await _bury(delivery, str(verdict), bury)
        elif verdict not in known:
            await _bury(delivery, f"there is no order {verdict}", bury)
        else:
            current_traceparent.set(_text(delivery.header("traceparent")))
            await _hand_over(verdict, tasks)


def _read(delivery: Delivery) -> OrderId | Unreadable:
    try:
        return announced_order(delivery)
    except Unreadable as reason:
        return reason


async def _bury(delivery: Delivery, reason: str, bury: DeadLetterMessage) -> None:
    place = delivery.placement
    logger.error(
        "a message announces no order",
        key=repr(delivery.key),
        partition=place and place.partition,
        offset=place and place.offset,
        reason=reason,
    )
    await _patiently(DATABASE, lambda: bury(delivery, NEW_ORDER, reason))


async def _hand_over(order_id: OrderId, tasks: TaskQueue) -> None:
    await _patiently(QUEUE, lambda: tasks.process_order(order_id))


async def _patiently(server: str, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer of a server, however long it is away."""
    backoff = Backoff()
    while True:
        try:
            with outages.noticing(server):
                return await ask()
        except Unavailable:
            await backoff.wait()
        finally:
            beat()
