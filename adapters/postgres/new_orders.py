"""New orders as parameters of a statement."""

from collections.abc import Iterable
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


def row_of(write: OrderWrite) -> tuple[Any, ...]:
    """Return the values that differ between new orders.

    Raises:
        ValueError: the write is not a new order, placed by its owner.
    """
    record, step, event = write.record, write.step, write.event
    if step is None or step.by.id != record.owner:
        raise ValueError("a new order has a first step, by its owner")
    if record.processed_at is not None or record.updated_at != record.created_at:
        raise ValueError("a new order has not been changed or processed")
    return (
        record.id,
        record.owner,
        record.reference,
        record.items,
        record.total,
        record.currency,
        record.created_at,
        event.id,
        event.payload,
        event.traceparent,
    )


def shared_by(writes: Iterable[OrderWrite]) -> tuple[Any, ...]:
    """Return the values that all new orders have in common.

    Raises:
        ValueError: they differ.
    """
    values, *others = {_constants_of(write) for write in writes}
    if others:
        raise ValueError("new orders differ in a value that they should have in common")
    return values


def _constants_of(write: OrderWrite) -> tuple[Any, ...]:
    record, step, event = write.record, write.step, write.event
    kind = step and step.by.kind.value
    return record.status, record.version, record.revision, kind, event.topic, event.type
