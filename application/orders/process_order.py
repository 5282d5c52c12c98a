"""Processing an order in the background."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.delivery.topics import PROCESSING
from application.documents import OrderDocument
from application.errors import ProcessingFailed, Unavailable
from application.orders.conflict_retry import retrying
from application.orders.write_order import OrderWriter
from application.ports.events import RelayWakeup
from application.ports.orders import OrderCache
from application.ports.system import Clock
from application.ports.tasks import Fulfilment
from application.ports.transaction import UnitOfWork
from domain.actor import SYSTEM
from domain.ids import OrderId
from domain.order.events import Outcome


class ProcessOrder:
    """Fulfil an order and record the effect exactly once, however often it is asked to.

    The fulfilment itself may run again after a crash. An order that was canceled before is not
    fulfilled, and recorded as skipped. What the record says is decided in the transaction that
    writes it: a cancellation during the fulfilment is a skip too.

    Raises:
        OrderNotFound: there is no such order.
        ProcessingFailed: the fulfilment or the domain refused the order.
    """

    def __init__(
        self,
        begin: UnitOfWork,
        fulfilment: Fulfilment,
        cache: OrderCache,
        writer: OrderWriter,
        relay_wakeup: RelayWakeup,
        clock: Clock,
    ) -> None:
        self._begin = begin
        self._fulfilment = fulfilment
        self._cache = cache
        self._writer = writer
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        # Losing a race to a change of status is no reason to fulfil the order again.
        self._record = retrying(self._record_once)

    async def __call__(self, order_id: OrderId) -> Outcome | None:
        """Process the order; what that came to, or None where it had been done before."""
        async with self._begin() as tx:
            order = await tx.orders.get(order_id, SYSTEM)
        if order.is_processed:
            return None
        if order.outcome_if_processed_now is Outcome.FULFILLED:
            with _own_failure():
                await self._fulfilment.fulfil(order)
        recorded = await self._record(order_id)
        if recorded is None:
            return None
        outcome, document = recorded
        self._relay_wakeup.notify()
        await self._cache.put(order_id, document)
        return outcome

    async def _record_once(self, order_id: OrderId) -> tuple[Outcome, OrderDocument] | None:
        now = self._clock.now()
        async with self._begin() as tx:
            if not await tx.inbox.add(PROCESSING, order_id, now):
                return None
            order = await tx.orders.get(order_id, SYSTEM)
            with _own_failure():
                outcome = order.finish_processing(now)
            write = self._writer.write(order)
            await tx.effects.record(order_id, outcome, now)
            await tx.orders.save(write)
            await tx.commit()
        return outcome, write.document


@contextmanager
def _own_failure() -> Iterator[None]:
    """Mark what the block raises as the order's own failure, but for a server out of reach."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise ProcessingFailed(str(error)) from error
