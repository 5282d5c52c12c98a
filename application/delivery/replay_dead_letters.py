"""Putting dead letters back."""

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
    """Publish the messages of dead letters again, through the outbox, as they came.

    One that dies again is a letter that waits again; it is not put back twice in one call.
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

    async def __call__(self, letter_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Put these back; those that were."""
        done = await self._put_back(await self._dead_letters.find(letter_ids))
        self._relay_wakeup.notify()
        return done

    async def all(self) -> int:
        """Put back all that wait, each at most once; return how many were put back."""
        after, count = None, 0
        while dead_letters := await self._dead_letters.waiting_by_id(after, BATCH):
            count += len(await self._put_back(dead_letters))
            self._relay_wakeup.notify()
            after = dead_letters[-1].id
        return count

    async def _put_back(self, dead_letters: Sequence[DeadLetter]) -> list[UUID]:
        done = []
        for dead_letter in dead_letters:
            now = self._clock.now()
            again = replayed_message(dead_letter, EventId(self._ids.new(now)), now)
            if await self._dead_letters.put_back(dead_letter.id, again, now):
                done.append(dead_letter.id)
        return done
