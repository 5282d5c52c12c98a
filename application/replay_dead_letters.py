"""Putting dead letters back."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from application.letters import message_again
from application.ports.dead_letters import DeadLetter, DeadLetterAdmin
from application.ports.events import OutboxBell
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId

BATCH: Final = 100


class ReplayDeadLetters:
    """Publish the messages of dead letters again, through the outbox, as they came.

    One that dies again is a letter that waits again; it is not put back twice in one call.
    """

    def __init__(
        self, letters: DeadLetterAdmin, bell: OutboxBell, clock: Clock, ids: IdGenerator
    ) -> None:
        self._letters = letters
        self._bell = bell
        self._clock = clock
        self._ids = ids

    async def __call__(self, letter_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Put these back; those that were."""
        done = await self._put_back(await self._letters.find(letter_ids))
        self._bell.ring()
        return done

    async def all(self) -> int:
        """Put back all that wait, each at most once; return how many were put back."""
        after, count = None, 0
        while letters := await self._letters.waiting_by_id(after, BATCH):
            count += len(await self._put_back(letters))
            self._bell.ring()
            after = letters[-1].id
        return count

    async def _put_back(self, letters: Sequence[DeadLetter]) -> list[UUID]:
        done = []
        for letter in letters:
            now = self._clock.now()
            again = message_again(letter, EventId(self._ids.new(now)), now)
            if await self._letters.put_back(letter.id, again, now):
                done.append(letter.id)
        return done
