"""`orders outbox`: unpublished events, and replays of published ones."""

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console

from application.delivery.read_outbox_state import ReadOutboxState
from application.delivery.replay_events import ReplayEvents
from application.ports.outbox_admin import COUNTED_AT_MOST, ReplayRequest
from domain.errors import Invalid
from domain.ids import OrderId
from entrypoints.cli.parameters import Flag
from entrypoints.cli.run import configured, run
from entrypoints.composition.startup import opened_container
from entrypoints.settings import Settings


def status() -> None:
    """Print the unpublished events, their age and last error."""
    run(_status(configured()))


def replay(
    order_id: UUID | None = None,
    /,
    *,
    all_since: datetime | None = None,
    parked: Flag = False,
) -> None:
    """Publish events again, or retry parked ones.

    Parameters
    ----------
    order_id
        The order whose published events are published again, and whose parked ones are retried.
    all_since
        Publish every event again that was first published at this time or later (ISO 8601; UTC if
        it has no offset). New events go first.
    parked
        Retry every parked event: the broker refused it too often.
    """
    run(_replay(configured(), order_id, all_since, parked=parked))


async def _status(settings: Settings) -> int:
    """Print the outbox's counts, its age and its last error. Return the exit status."""
    async with opened_container(settings) as container:
        read_outbox_state = await container.get(ReadOutboxState)
        state, age_seconds = await read_outbox_state()
    sys.stdout.write(
        f"unpublished={_bounded(state.unpublished)} oldest={int(age_seconds)}s"
        f" parked={_bounded(state.parked)} replays={_bounded(state.replays)}"
        f" last_error={state.last_error or '-'}\n"
    )
    return 0


async def _replay(
    settings: Settings, order_id: UUID | None, since: datetime | None, *, parked: bool
) -> int:
    """Request that events be published again. Return the exit status.

    Raises:
        Invalid: not exactly one of the order, the time and `--parked` was given.
    """
    if sum((order_id is not None, since is not None, parked)) != 1:
        raise Invalid.value(
            "replay-what", "Give an order's id, or --all-since, or --parked: one of them."
        )
    async with opened_container(settings) as container:
        replay_events = await container.get(ReplayEvents)
        if order_id is not None:
            request = await replay_events.of_order(OrderId(order_id))
        elif since is not None:
            request = await _with_progress(replay_events.since(_aware(since)))
        else:
            request = await replay_events.parked()
    sys.stdout.write(_report(request))
    return 1 if request.purged else 0


async def _with_progress(requests: AsyncIterator[ReplayRequest]) -> ReplayRequest:
    """Show the running total on a terminal, and return the last request."""
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
