"""`orders outbox`: what waits for the broker, and publishing once more."""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from application.ports.events import OutboxBell
from application.ports.system import Clock
from application.ports.upkeep import OutboxOffice, Republished
from domain.errors import Invalid
from domain.ids import OrderId
from entrypoints.composition.service import opened_container
from entrypoints.settings import Settings


async def status(settings: Settings) -> int:
    """Print what is unpublished, since when, and why; the exit status."""
    async with opened_container(settings) as container:
        office = await container.get(OutboxOffice)
        clock = await container.get(Clock)
        state = await office.state()
        age = int((clock.now() - state.oldest).total_seconds()) if state.oldest else 0
    sys.stdout.write(
        f"unpublished={state.unpublished} oldest={max(0, age)}s"
        f" last_error={state.last_error or '-'}\n"
    )
    return 0


async def replay(settings: Settings, order_id: UUID | None, since: datetime | None) -> int:
    """Publish an order's events again, or all since a moment; the exit status.

    Raises:
        Invalid: it is not said which, or both are.
    """
    ask = _asked(order_id, since)
    async with opened_container(settings) as container:
        found = await ask(await container.get(OutboxOffice))
        (await container.get(OutboxBell)).ring()
    sys.stdout.write(_told(found))
    return 1 if found.swept else 0


def _asked(
    order_id: UUID | None, since: datetime | None
) -> Callable[[OutboxOffice], Awaitable[Republished]]:
    match order_id, since:
        case UUID(), None:
            return lambda office: office.publish_again(OrderId(order_id))
        case None, datetime():
            moment = since if since.tzinfo else since.replace(tzinfo=UTC)
            return lambda office: office.publish_again_since(moment)
        case _:
            raise Invalid.value("replay-what", "Give an order's id, or --all-since: one of them.")


def _told(found: Republished) -> str:
    if not found.again and not found.swept:
        return "Nothing was published that could be published again.\n"
    lines = []
    if found.again:
        lines.append(f"Waiting to be published again: {found.again}.")
    if found.swept:
        lines.append(
            f"Not to be published again: {found.swept}, whose payload retention has swept;"
            " GET the order instead."
        )
    return "\n".join(lines) + "\n"
