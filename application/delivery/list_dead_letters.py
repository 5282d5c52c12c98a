"""List dead letters."""

from collections.abc import Sequence

from application.ports.dead_letters import DeadLetter, DeadLetterAdmin


class ListDeadLetters:
    """List the waiting dead letters, oldest first."""

    def __init__(self, dead_letters: DeadLetterAdmin) -> None:
        self._dead_letters = dead_letters

    async def __call__(self, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` dead letters.

        Raises:
            Unavailable: the storage is unreachable.
        """
        return await self._dead_letters.waiting(limit)
