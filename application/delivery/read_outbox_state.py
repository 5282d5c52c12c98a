"""Read the state of the outbox."""

from application.ports.outbox_admin import OutboxAdmin, OutboxState
from application.ports.system import Clock


class ReadOutboxState:
    """Read the numbers of waiting events, and the age of the oldest one."""

    def __init__(self, admin: OutboxAdmin, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock

    async def __call__(self) -> tuple[OutboxState, float]:
        """Return the state, and the age of its oldest event in seconds: 0 if there is none.

        Raises:
            Unavailable: the storage is out of reach.
        """
        state = await self._admin.state()
        if state.oldest is None:
            return state, 0.0
        return state, max(0.0, (self._clock.now() - state.oldest).total_seconds())
