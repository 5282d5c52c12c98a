"""Steps that prepare a test's storage."""

from collections.abc import Iterable
from datetime import datetime

from application.delivery.topics import PROCESSING
from application.documents import Event, OrderWrite
from application.ports.events import Outbox, Placement, PublishReport
from domain.account import Account
from domain.actor import Actor
from domain.ids import EventId, OrderId, UserId
from domain.order.lines import OrderLines
from domain.order.order import Order
from domain.order.status import OrderStatus
from tests.support.adapters import Adapters
from tests.support.orders import STAFF, a_placed_order, a_user_id, rendered_write
from tests.support.time import NOW


async def an_owner(to: Adapters) -> UserId:
    """Open an account and return its id. Every order needs one."""
    user_id = a_user_id()
    account = Account(id=user_id, email=f"{user_id}@example.com", created_at=NOW)
    await to.accounts.add(account, "hash")
    return user_id


async def place(
    to: Adapters,
    owner: UserId | None = None,
    *,
    reference: str | None = None,
    lines: OrderLines | None = None,
    at: datetime = NOW,
) -> OrderWrite:
    """Store a new order. Create a new owner unless one is given."""
    placed = a_placed_order(owner or await an_owner(to), reference=reference, lines=lines, at=at)
    write = rendered_write(placed)
    await to.storage.add(write)
    return write


async def order_in(to: Adapters, order_id: OrderId) -> Order:
    """Return the stored order."""
    async with to.begin() as tx:
        return await tx.orders.get(order_id)


async def move(
    to: Adapters, order_id: OrderId, *statuses: OrderStatus, by: Actor = STAFF
) -> OrderWrite:
    """Move a stored order along its lifecycle and return the last write."""
    for status in statuses:
        async with to.begin() as tx:
            order = await tx.orders.get(order_id)
            write = rendered_write(order.move_to(status, by, f"to {status}", NOW))
            await tx.orders.save(write)
            await tx.commit()
    return write


async def process(to: Adapters, order_id: OrderId) -> OrderWrite:
    """Record that a stored order has been processed."""
    async with to.begin() as tx:
        assert await tx.inbox.add(PROCESSING, order_id, NOW)
        order = await tx.orders.get(order_id)
        write = rendered_write(order.finish_processing(NOW))
        await tx.effects.record(order_id, order.outcome_if_processed_now, NOW)
        await tx.orders.save(write)
        await tx.commit()
    return write


async def publish(outbox: Outbox, size: int = 100) -> list[Event]:
    """Publish one batch of eligible events."""
    async with outbox.batch(size) as batch:
        await batch.published(placed(batch.events))
        return list(batch.events)


def placed(events: Iterable[Event]) -> dict[EventId, Placement]:
    """Return consecutive placements of events."""
    return {event.id: Placement(0, offset) for offset, event in enumerate(events)}


async def waiting(outbox: Outbox, size: int = 100) -> list[Event]:
    """Return eligible events without marking them."""
    async with outbox.batch(size) as batch:
        return list(batch.events)


def acknowledged(report: PublishReport) -> list[EventId]:
    """Return the acknowledged events. Assert that there aren't any others."""
    assert (report.rejected, report.unreached) == ({}, {})
    return list(report.acknowledged)


async def owe(to: Adapters, *order_ids: OrderId) -> None:
    """Record that the cache was unavailable when these orders' events were published."""
    async with to.outbox.batch(0) as batch:
        await batch.published({}, order_ids)
