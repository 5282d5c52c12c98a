"""Read the outbox's state."""

from application.ports.outbox_admin import OutboxAdmin, OutboxState
from application.ports.system import Clock


class ReadOutboxState:
    """Read how many events are waiting and how old the oldest one is."""

    def __init__(self, admin: OutboxAdmin, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock

    async def __call__(self) -> tuple[OutboxState, float]:
        """Return the state and the age of the oldest event in seconds, or 0 if there is none.

        Raises:
            Unavailable: the storage is unreachable.
        """
        state = await self._admin.state()
        if state.oldest is None:
            return state, 0.0
        return state, max(0.0, (self._clock.now() - state.oldest).total_seconds())
