"""Process each message once per consumer."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from application.ports.system import Clock
from application.ports.transaction import OrderStorage


class ProcessOnce:
    """Run a message's effect unless this consumer has already recorded the message.

    The message is recorded after the effect because a single transaction can't include both. This
    means that the effect is repeated if the process crashes in between, or if two processes get
    the message at the same time. If the effect is a change to the same storage, you don't need
    this class, because the effect's own transaction can record the message.
    """

    def __init__(self, storage: OrderStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def __call__(
        self, consumer: str, message_id: UUID, effect: Callable[[], Awaitable[None]]
    ) -> bool:
        """Return whether the effect was run. If it fails, the message isn't recorded.

        Raises:
            Unavailable: the storage is unreachable.
            Exception: any exception raised by `effect`.
        """
        async with self._storage.begin() as tx:
            if not await tx.inbox.add(consumer, message_id, self._clock.now()):
                return False
        await effect()
        async with self._storage.begin() as tx:
            await tx.inbox.add(consumer, message_id, self._clock.now())
            await tx.commit()
        return True
