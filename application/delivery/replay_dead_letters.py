"""Replay dead letters."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from application.delivery.dead_letters import replayed_message
from application.ports.dead_letters import DeadLetter, DeadLetterAdmin
from application.ports.events import RelayWakeup
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId

BATCH: Final = 100


class ReplayDeadLetters:
    """Publish the unchanged messages of dead letters again through the outbox.

    A message that fails again becomes a dead letter again, but it won't be replayed a second time
    by the same call.
    """

    def __init__(
        self,
        dead_letters: DeadLetterAdmin,
        relay_wakeup: RelayWakeup,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._dead_letters = dead_letters
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        self._ids = ids

    async def __call__(self, dead_letter_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Replay these dead letters, and return the ids of those that were still waiting."""
        replayed = await self._replay(await self._dead_letters.find(dead_letter_ids))
        self._relay_wakeup.notify()
        return replayed

    async def all(self) -> int:
        """Replay every waiting dead letter, each at most once, and return their number."""
        after, count = None, 0
        while dead_letters := await self._dead_letters.waiting_by_id(after, BATCH):
            count += len(await self._replay(dead_letters))
            self._relay_wakeup.notify()
            after = dead_letters[-1].id
        return count

    async def _replay(self, dead_letters: Sequence[DeadLetter]) -> list[UUID]:
        replayed = []
        for dead_letter in dead_letters:
            now = self._clock.now()
            again = replayed_message(dead_letter, EventId(self._ids.new(now)), now)
            if await self._dead_letters.replay(dead_letter.id, again, now):
                replayed.append(dead_letter.id)
        return replayed
