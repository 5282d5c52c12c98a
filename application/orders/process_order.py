"""Process an order in the background."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.delivery.topics import PROCESSING
from application.errors import ProcessingFailed, Unavailable
from application.orders.order_writes import OrderWrites, retry_lost_races
from application.ports.system import Clock
from application.ports.tasks import Fulfilment
from domain.ids import OrderId
from domain.order.events import Outcome


class ProcessOrder:
    """Fulfil an order and record the effect exactly once, no matter how often this is called.

    The fulfilment itself may run again after a crash. If the order has already been canceled, it's
    recorded as skipped without being fulfilled. Because the outcome is decided in the transaction
    that records it, an order that is canceled during the fulfilment is recorded as skipped, too.

    Raises:
        OrderNotFound: the order does not exist.
        ProcessingFailed: the fulfilment failed, or the domain rejected the change.
    """

    def __init__(self, orders: OrderWrites, fulfilment: Fulfilment, clock: Clock) -> None:
        self._orders = orders
        self._fulfilment = fulfilment
        self._clock = clock

    async def __call__(self, order_id: OrderId) -> Outcome | None:
        """Process the order. Return the outcome, or None if it has already been processed."""
        async with self._orders.begin() as tx:
            order = await tx.get(order_id)
        if order.is_processed:
            return None
        if order.outcome_if_processed_now is Outcome.FULFILLED:
            with _own_failure():
                await self._fulfilment.fulfil(order)
        return await self._record(order_id)

    # Only the recording is retried. Losing a race to a status change is not a reason to fulfil the
    # order again.
    @retry_lost_races
    async def _record(self, order_id: OrderId) -> Outcome | None:
        now = self._clock.now()
        async with self._orders.begin() as tx:
            if not await tx.inbox.add(PROCESSING, order_id, now):
                return None
            order = await tx.get(order_id)
            outcome = order.outcome_if_processed_now
            with _own_failure():
                change = order.finish_processing(now)
            await tx.effects.record(order_id, outcome, now)
            await tx.commit(change)
        return outcome


@contextmanager
def _own_failure() -> Iterator[None]:
    """Turn exceptions other than `Unavailable` into `ProcessingFailed`."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise ProcessingFailed(str(error)) from error
