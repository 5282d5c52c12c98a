"""The Order aggregate."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from domain.actor import Actor, ActorKind
from domain.errors import IllegalTransition, VersionConflict
from domain.ids import OrderId, UserId
from domain.order.events import OrderEvent, OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.history import Step
from domain.order.lines import OrderLines
from domain.order.status import TRANSITIONS, OrderStatus
from domain.validation import parse_text

MAX_REFERENCE: Final = 64
MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An immutable snapshot of an order. Methods that change it return an `OrderChange`.

    `version` is incremented by every step in the lifecycle, and `revision` by every write, which
    includes background processing. Both start at 1.
    """

    id: OrderId
    owner: UserId
    reference: str | None
    lines: OrderLines
    status: OrderStatus = OrderStatus.PENDING
    version: int = 1
    revision: int = 1
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None = None

    @staticmethod
    def place(
        order_id: OrderId,
        owner: UserId,
        lines: OrderLines,
        reference: str | None,
        now: datetime,
    ) -> "OrderChange":
        """Place a new order for `owner`. It starts as PENDING at version 1."""
        order = Order(
            id=order_id,
            owner=owner,
            reference=reference,
            lines=lines,
            created_at=now,
            updated_at=now,
        )
        by = Actor(ActorKind.USER, owner)
        step = Step(order.version, None, order.status, by, None, now)
        return OrderChange(order, OrderPlaced(by, now), step)

    @property
    def is_processed(self) -> bool:
        """Whether the order has been processed in the background."""
        return self.processed_at is not None

    @property
    def outcome_if_processed_now(self) -> Outcome:
        """The outcome of processing the order now. Canceled orders are skipped."""
        canceled = self.status is OrderStatus.CANCELED
        return Outcome.SKIPPED if canceled else Outcome.FULFILLED

    def ensure_version(self, accepted: frozenset[int] | None) -> None:
        """Raise an error if the client's change is based on a different version.

        Raises:
            VersionConflict: `accepted` doesn't contain the order's version. None accepts any
                version.
        """
        if accepted is not None and self.version not in accepted:
            raise VersionConflict(self.version)

    def move_to(
        self, status: OrderStatus, by: Actor, reason: str | None, now: datetime
    ) -> "OrderChange | None":
        """Move the order to another status. Return None if it already has this status.

        Raises:
            IllegalTransition: the lifecycle does not allow this step.
        """
        before = self.status
        if status is before:
            return None
        if status not in TRANSITIONS[before]:
            raise IllegalTransition(before, status, before.next)
        order = replace(
            self,
            status=status,
            version=self.version + 1,
            revision=self.revision + 1,
            updated_at=now,
        )
        step = Step(order.version, before, status, by, reason, now)
        return OrderChange(order, OrderStatusChanged(before, status, by, reason, now), step)

    def finish_processing(self, now: datetime) -> "OrderChange":
        """Record that the order has been processed. This is not a step in the lifecycle.

        Raises:
            ValueError: the order has already been processed. This is a bug in the caller because
                the inbox accepts each order only once.
        """
        if self.is_processed:
            raise ValueError(f"order {self.id} is processed already")
        order = replace(self, revision=self.revision + 1, processed_at=now, updated_at=now)
        return OrderChange(order, OrderProcessed(self.outcome_if_processed_now, now), None)


@dataclass(frozen=True, slots=True)
class OrderChange:
    """A change to an order: the changed order, and the event that describes the change.

    `step` is the new entry in the order's history. It's None for background processing.
    """

    order: Order
    event: OrderEvent
    step: Step | None


def parse_reference(value: object) -> str:
    """Parse the client's own id for an order, which has 1 to 64 characters.

    Raises:
        Invalid: see `parse_text`.
    """
    return parse_text(value, 1, MAX_REFERENCE)


def parse_reason(value: object) -> str:
    """Parse the reason for a change, which has 1 to 500 characters.

    Raises:
        Invalid: see `parse_text`.
    """
    return parse_text(value, 1, MAX_REASON)
