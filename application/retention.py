"""Letting go of what has served."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from application.ports.system import Clock
from application.ports.upkeep import Archive
from application.progress import beat

#: How long a dead letter that was put back can still be looked at.
LETTERS_KEPT: Final = timedelta(days=7)
#: How long an event of a processed order can still be published again.
PAYLOADS_KEPT: Final = timedelta(days=7)
#: Rows that go in one transaction, so that nobody waits long for one.
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went."""

    letters: int
    payloads: int


class Retention:
    """Sweep all that is old enough, in small transactions; the facts of the outbox stay."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock

    async def __call__(self) -> Swept:
        """Sweep; how much went."""
        now = self._clock.now()
        letters = payloads = 0
        while gone := await self._archive.sweep_letters(now - LETTERS_KEPT, BATCH):
            letters += gone
            beat()
        while gone := await self._archive.sweep_payloads(now - PAYLOADS_KEPT, BATCH):
            payloads += gone
            beat()
        return Swept(letters, payloads)
