"""`orders outbox`: events that wait for the broker, and publishing events once more."""

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console

from application.ports.events import RelayWakeup
from application.ports.outbox_admin import COUNTED_AT_MOST, OutboxAdmin, ReplayRequest
from application.ports.system import Clock
from domain.errors import Invalid
from domain.ids import OrderId
from entrypoints.composition.startup import opened_container
from entrypoints.settings import Settings


async def status(settings: Settings) -> int:
    """Print what is unpublished, since when, and why; return the exit status."""
    async with opened_container(settings) as container:
        admin = await container.get(OutboxAdmin)
        clock = await container.get(Clock)
        state = await admin.state()
        age_seconds = int((clock.now() - state.oldest).total_seconds()) if state.oldest else 0
    sys.stdout.write(
        f"unpublished={_bounded(state.unpublished)} oldest={max(0, age_seconds)}s"
        f" parked={_bounded(state.parked)} replays={_bounded(state.replays)}"
        f" last_error={state.last_error or '-'}\n"
    )
    return 0


async def replay(
    settings: Settings, order_id: UUID | None, since: datetime | None, *, parked: bool
) -> int:
    """Request that events are published again; return the exit status.

    Raises:
        Invalid: not exactly one of order, moment and parked events was given.
    """
    if sum((order_id is not None, since is not None, parked)) != 1:
        raise Invalid.value(
            "replay-what", "Give an order's id, or --all-since, or --parked: one of them."
        )
    async with opened_container(settings) as container:
        admin = await container.get(OutboxAdmin)
        if order_id is not None:
            request = await admin.replay_order(OrderId(order_id))
        elif since is not None:
            request = await _with_progress(admin.replay_since(_aware(since)))
        else:
            request = await admin.unpark_all()
        (await container.get(RelayWakeup)).notify()
    sys.stdout.write(_report(request))
    return 1 if request.purged else 0


async def _with_progress(requests: AsyncIterator[ReplayRequest]) -> ReplayRequest:
    """Show the count so far on a terminal; return the last."""
    console = Console(stderr=True)
    request = ReplayRequest(0)
    with console.status("requested: 0") as line:
        async for request in requests:
            line.update(f"requested: {request.requested}")
    return request


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bounded(count: int) -> str:
    return f"{COUNTED_AT_MOST}+" if count > COUNTED_AT_MOST else str(count)


def _report(request: ReplayRequest) -> str:
    if not request.requested and not request.purged:
        return "No event can be published again.\n"
    lines = []
    if request.requested:
        lines.append(f"Waiting to be published again: {request.requested}.")
    if request.purged:
        lines.append(
            f"Not to be published again: {request.purged}, whose payload retention has swept;"
            " GET the order instead."
        )
    return "\n".join(lines) + "\n"
