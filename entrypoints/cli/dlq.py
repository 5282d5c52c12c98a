"""`orders dlq`: list and replay dead letters."""

import sys
from collections.abc import Sequence
from uuid import UUID

from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.ports.dead_letters import DeadLetter, DeadLetterAdmin
from domain.errors import Invalid
from entrypoints.composition.service import opened_container
from entrypoints.settings import Settings


async def show(settings: Settings, limit: int) -> int:
    """Print the letters that wait, a line each, the oldest first; the exit status."""
    async with opened_container(settings) as container:
        dead_letters = await container.get(DeadLetterAdmin)
        found = await dead_letters.waiting(limit + 1)
    for dead_letter in found[:limit]:
        sys.stdout.write(_line(dead_letter))
    if not found:
        sys.stdout.write("No dead letter waits.\n")
    if len(found) > limit:
        sys.stdout.write(f"There are more than these {limit}: ask with a greater --limit.\n")
    return 0


async def replay(settings: Settings, dead_letter_ids: Sequence[UUID], *, everything: bool) -> int:
    """Put letters back, these or all that wait; the exit status.

    Raises:
        Invalid: it is not said which, or both are.
    """
    if bool(dead_letter_ids) == everything:
        raise Invalid.value("replay-what", "Give the ids of letters, or --all: one of them.")
    async with opened_container(settings) as container:
        replay_dead_letters = await container.get(ReplayDeadLetters)
        if everything:
            sys.stdout.write(f"Put back: {await replay_dead_letters.all()}.\n")
            return 0
        done = set(await replay_dead_letters(dead_letter_ids))
    missed = [dead_letter_id for dead_letter_id in dead_letter_ids if dead_letter_id not in done]
    sys.stdout.write(f"Put back: {len(done)}.\n")
    for dead_letter_id in missed:
        sys.stdout.write(f"{dead_letter_id} is no dead letter that waits.\n")
    return 1 if missed else 0


def _line(dead_letter: DeadLetter) -> str:
    about = f"order={dead_letter.order_id}" if dead_letter.order_id else f"key={dead_letter.key!r}"
    return (
        f"{dead_letter.id} {dead_letter.at.isoformat()} topic={dead_letter.topic} {about}"
        f" attempts={dead_letter.attempts} reason={dead_letter.reason!r}\n"
    )
