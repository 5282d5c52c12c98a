"""`orders dlq`: list and replay dead letters."""

import sys
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from application.delivery.list_dead_letters import ListDeadLetters
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.ports.dead_letters import DeadLetter
from domain.errors import Invalid
from entrypoints.cli.listing import print_list
from entrypoints.cli.parameters import Limit
from entrypoints.cli.run import configured, run
from entrypoints.composition.startup import opened_container
from entrypoints.settings import Settings


def show(*, limit: Limit = 100) -> None:
    """List the dead letters with their reasons and attempts.

    Parameters
    ----------
    limit
        How many to list, from 1 to 10000.
    """
    run(_show(configured(), limit))


def replay(
    *dead_letter_ids: UUID,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
) -> None:
    """Publish the messages of dead letters again, unchanged.

    Parameters
    ----------
    dead_letter_ids
        The ids of the dead letters; `orders dlq list` prints them.
    everything
        Replay all waiting dead letters.
    """
    run(_replay(configured(), dead_letter_ids, everything=everything))


async def _show(settings: Settings, limit: int) -> int:
    """Print the waiting dead letters, one per line, oldest first. Return the exit status."""
    async with opened_container(settings) as container:
        list_dead_letters = await container.get(ListDeadLetters)
        found = await list_dead_letters(limit + 1)
    print_list([_line(each) for each in found], limit, "There are no dead letters.")
    return 0


async def _replay(settings: Settings, dead_letter_ids: Sequence[UUID], *, everything: bool) -> int:
    """Replay these dead letters, or all that are waiting. Return the exit status.

    Raises:
        Invalid: neither ids nor `--all` were given, or both were.
    """
    if bool(dead_letter_ids) == everything:
        raise Invalid.value("replay-what", "Give ids of dead letters, or --all, but not both.")
    async with opened_container(settings) as container:
        replay_dead_letters = await container.get(ReplayDeadLetters)
        if everything:
            sys.stdout.write(f"Put back: {await replay_dead_letters.all()}.\n")
            return 0
        done = set(await replay_dead_letters(dead_letter_ids))
    missed = [dead_letter_id for dead_letter_id in dead_letter_ids if dead_letter_id not in done]
    sys.stdout.write(f"Put back: {len(done)}.\n")
    for dead_letter_id in missed:
        sys.stdout.write(f"{dead_letter_id} is not a waiting dead letter.\n")
    return 1 if missed else 0


def _line(dead_letter: DeadLetter) -> str:
    about = f"order={dead_letter.order_id}" if dead_letter.order_id else f"key={dead_letter.key!r}"
    return (
        f"{dead_letter.id} {dead_letter.at.isoformat()} topic={dead_letter.topic} {about}"
        f" attempts={dead_letter.attempts} reason={dead_letter.reason!r}"
    )
