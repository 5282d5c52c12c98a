"""The promises of the service, checked during a run and at its end."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from adapters.memory.audit import MemoryAuditReader
from adapters.memory.dead_letters import MemoryDeadLetters
from adapters.memory.orders import MemoryOrderReader
from application.delivery.audit_orders import AuditOrders
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.topics import STATUS_CHANGED
from application.ports.audit import AuditReport
from domain.order.status import OrderStatus
from entrypoints.messaging.cloud_events import parse_event
from entrypoints.messaging.subscriptions import SUBSCRIPTIONS
from tests.simulation.clients import Client, KnownOrder
from tests.simulation.world import World
from tests.support.messages import message_of

#: How long it may take until all work is done, in virtual seconds after the last fault.
_SETTLE_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 5.0
_AUDIT_SECONDS: Final = 4.0
_MANY: Final = 1_000


async def audit(world: World) -> AuditReport:
    """Return the audit's report."""
    orders = AuditOrders(MemoryAuditReader(world.storage), world.clock, timedelta(days=1))
    report, _ = await orders(True, lambda *_: None)  # noqa: FBT003 - its only form
    return report


async def audit_periodically(world: World) -> None:
    """Check during the run that nothing is lost, duplicated, or cached before it is stored."""
    while True:
        await asyncio.sleep(_AUDIT_SECONDS)
        world.cache_checks.check_all()
        report = await audit(world)
        if report.lost.count or report.duplicated.count:
            world.fail(f"the audit found {report.lost.reasons} {report.duplicated.reasons}")
            return


async def settle(world: World) -> None:
    """Replay dead letters and wait until all work is done."""
    dead_letters = MemoryDeadLetters(world.storage)
    replay = ReplayDeadLetters(dead_letters, world.wakeup, world.clock, world.ids)
    deadline = world.loop.time() + _SETTLE_SECONDS
    while world.loop.time() < deadline:
        for dead_letter in await dead_letters.waiting(_MANY):
            if dead_letter.order_id not in world.shop.poison:
                world.fail(f"{dead_letter.order_id} is a dead letter: {dead_letter.reason}")
        await replay.all()
        report = await audit(world)
        lag = sum(world.broker.lag(each.topic, each.group) for each in SUBSCRIPTIONS)
        if not (report.pending or report.unpublished or report.stuck.count or lag):
            return
        await asyncio.sleep(_POLL_SECONDS)
    world.fail(f"work is left after {_SETTLE_SECONDS:.0f} s: {report}, lag {lag}")


async def check_everything(world: World, clients: Iterable[Client]) -> None:
    """Check the stored orders, the messages, and the audit."""
    report = await audit(world)
    if not report.is_clean:
        world.fail(f"the audit is not clean: {report}")
    placed = [order for client in clients for order in client.orders]
    stored = {stored.record.id for stored in world.storage.orders.newest_first(None, None, None)}
    if stored != {order.id for order in placed}:
        world.fail(f"{len(stored)} orders are stored for {len(placed)} idempotency keys")
    for order in placed:
        await _check_history(world, order)
    _check_first_deliveries(world)
    _check_mails(world)
    world.cache_checks.check_all()


async def _check_history(world: World, order: KnownOrder) -> None:
    """Check that each acknowledged status is in the order's history."""
    found = await MemoryOrderReader(world.storage).steps(order.id)
    if found is None:
        world.fail(f"{order.id} was acknowledged, and is not stored")
        return
    owner, steps = found
    if owner != order.owner:
        world.fail(f"{order.id} belongs to another user")
    for version, status in order.acknowledged.items():
        if len(steps) < version or steps[version - 1].after is not status:
            world.fail(f"{order.id} was acknowledged as {status} v{version}, but has {steps}")


def _check_first_deliveries(world: World) -> None:
    """Check that the first deliveries of each order are in the sequence of its revisions."""
    last: defaultdict[UUID, int] = defaultdict(int)
    for event in world.broker.events:
        if event.original is None:
            if event.revision > last[event.subject] + 1:
                world.fail(f"revision {event.revision} of {event.subject} was published too early")
            last[event.subject] = max(last[event.subject], event.revision)
    for stored in world.storage.orders.newest_first(None, None, None):
        if last[stored.record.id] != stored.record.revision:
            world.fail(f"{stored.record.id} is published up to revision {last[stored.record.id]}")


def _check_mails(world: World) -> None:
    """Check that a mail was sent for each shipped order."""
    for event in world.broker.events:
        if event.topic == STATUS_CHANGED and event.original is None:
            is_shipped = parse_event(event.topic, message_of(event)).status is OrderStatus.SHIPPED
            if is_shipped and event.id not in world.mail.sent:
                world.fail(f"{event.subject} was shipped, but no mail was sent")
