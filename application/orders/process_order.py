"""Process an order in the background."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from application.errors import ConcurrentUpdate, ProcessingFailed, Unavailable
from application.orders.order_writes import OrderWrites, retry_lost_races
from application.ports.system import Clock
from application.ports.tasks import Fulfilment
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import Order

#: If the fulfilment takes longer than this, the order is read again before its outcome is recorded.
#: An erasure removes personal data without a new revision, and only its last pass, 60 s later,
#: removes what was written from an older copy of the order (ADR 35).
_MAX_AGE: Final = timedelta(seconds=10)


class ProcessOrder:
    """Fulfil an order and record the effect exactly once, no matter how often this is called.

    The fulfilment itself may run again after a crash. If the order has already been canceled, it's
    recorded as skipped without being fulfilled. Recording an outcome fails if the order has changed
    since it was read, so an order that is canceled during the fulfilment is skipped, too.

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
        read_at = self._clock.now()
        order = await self._orders.get(order_id)
        if order.is_processed:
            return None
        if order.outcome_if_processed_now is Outcome.FULFILLED:
            with _own_failure():
                await self._fulfilment.fulfil(order)
        if self._is_recent(read_at):
            try:
                return await self._record(order)
            except ConcurrentUpdate:
                pass  # the order has changed since it was read
        return await self._read_and_record(order_id)

    def _is_recent(self, read_at: datetime) -> bool:
        return timedelta() <= self._clock.now() - read_at <= _MAX_AGE  # clocks can go back

    # Only the recording is retried. Losing a race to a status change is not a reason to fulfil the
    # order again.
    @retry_lost_races
    async def _read_and_record(self, order_id: OrderId) -> Outcome | None:
        order = await self._orders.get(order_id)
        return None if order.is_processed else await self._record(order)

    async def _record(self, order: Order) -> Outcome | None:
        outcome = order.outcome_if_processed_now
        with _own_failure():
            change = order.finish_processing(self._clock.now())
        return outcome if await self._orders.complete(change, outcome) else None


@contextmanager
def _own_failure() -> Iterator[None]:
    """Turn exceptions other than `Unavailable` into `ProcessingFailed`."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise ProcessingFailed(str(error)) from error
