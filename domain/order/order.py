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
    """An order at one moment. A method that changes it returns an `OrderChange`.

    `version` counts the steps of the lifecycle and `revision` every write, processing included;
    both start at 1.
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
        """Place a new order of `owner`, PENDING at version 1."""
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
        """Whether background processing has had its effect."""
        return self.processed_at is not None

    @property
    def outcome_if_processed_now(self) -> Outcome:
        """The outcome of processing: a canceled order is skipped."""
        canceled = self.status is OrderStatus.CANCELED
        return Outcome.SKIPPED if canceled else Outcome.FULFILLED

    def ensure_version(self, accepted: frozenset[int] | None) -> None:
        """Raise if the client based its change on another version.

        Raises:
            VersionConflict: the order's version is none of the accepted ones; None accepts any.
        """
        if accepted is not None and self.version not in accepted:
            raise VersionConflict(self.version)

    def move_to(
        self, status: OrderStatus, by: Actor, reason: str | None, now: datetime
    ) -> "OrderChange | None":
        """Move along the lifecycle. Return None if the order has this status already.

        Raises:
            IllegalTransition: the lifecycle has no such step from here.
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
        """Record that background processing had its effect. It is no step of the lifecycle.

        Raises:
            ValueError: the order is processed already, which is a bug of the caller: the inbox
                admits each order once.
        """
        if self.is_processed:
            raise ValueError(f"order {self.id} is processed already")
        order = replace(self, revision=self.revision + 1, processed_at=now, updated_at=now)
        return OrderChange(order, OrderProcessed(self.outcome_if_processed_now, now), None)


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One write of an order, made by the aggregate: the order after it, its event and its step.

    `step` is the entry of the order's history; processing has none.
    """

    order: Order
    event: OrderEvent
    step: Step | None


def parse_reference(value: object) -> str:
    """Return the client's own id of an order: 1 to 64 characters.

    Raises:
        Invalid: the value is no such string.
    """
    return parse_text(value, 1, MAX_REFERENCE)


def parse_reason(value: object) -> str:
    """Return the reason of a change: 1 to 500 characters.

    Raises:
        Invalid: the value is no such string.
    """
    return parse_text(value, 1, MAX_REASON)
