"""Process each message once for each consumer."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from application.ports.system import Clock
from application.ports.transaction import OrderStorage


class ProcessOnce:
    """Run the effect of a message, unless this consumer has recorded the message.

    The record follows the effect, because no transaction includes both: after a crash in between,
    or if two processes have the message at the same time, the effect is repeated. An effect in the
    same storage does not need this: it adds the message in its own transaction.
    """

    def __init__(self, storage: OrderStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def __call__(
        self, consumer: str, message_id: UUID, effect: Callable[[], Awaitable[None]]
    ) -> bool:
        """Return whether the effect was run; a failed effect is not recorded.

        Raises:
            Unavailable: the storage is out of reach.
            Exception: any error of `effect`.
        """
        async with self._storage.begin() as tx:
            if not await tx.inbox.add(consumer, message_id, self._clock.now()):
                return False
        await effect()
        async with self._storage.begin() as tx:
            await tx.inbox.add(consumer, message_id, self._clock.now())
            await tx.commit()
        return True
