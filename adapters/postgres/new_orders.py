"""New orders as parameters of a statement."""

from typing import Any

from application.documents import OrderWrite


def unique_key(write: OrderWrite) -> tuple[int, str]:
    """Return a sort key that makes all batches lock the unique index in the same order.

    Otherwise, they could deadlock.
    """
    return write.record.owner.int, write.record.reference or ""


def parameters_of(write: OrderWrite) -> tuple[Any, ...]:
    """Return the values of the order, its first step and its event.

    Raises:
        ValueError: the write is not a new order.
    """
    step, event = write.step, write.event
    if step is None:
        raise ValueError("a new order has a first step")
    return (
        *write.record,
        step.by.kind.value,
        step.by.id,
        event.id,
        event.topic,
        event.type,
        event.payload,
        event.traceparent,
    )
