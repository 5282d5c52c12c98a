"""The Order aggregate."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from domain.actor import Actor, ActorKind
from domain.errors import IllegalTransition, VersionConflict
from domain.ids import OrderId, UserId
from domain.order.events import OrderEvent, OrderPlaced, OrderProcessed, OrderStatusChanged, Outcome
from domain.order.lines import OrderLines
from domain.order.status import TRANSITIONS, OrderStatus
from domain.text import parse_text

MAX_REFERENCE: Final = 64
MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """All that is to be known of an order at one moment.

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


class Order:
    """An order and its lifecycle: the only way to change one is a method that keeps the rules."""

    __slots__ = ("_event", "_state")

    def __init__(self, state: OrderState, event: OrderEvent | None) -> None:
        self._state = state
        self._event = event

    @classmethod
    def place(
        cls,
        order_id: OrderId,
        owner: UserId,
        lines: OrderLines,
        reference: str | None,
        now: datetime,
    ) -> Self:
        """A new order of `owner`, PENDING at version 1."""
        state = OrderState(
            id=order_id,
            owner=owner,
            reference=reference,
            lines=lines,
            created_at=now,
            updated_at=now,
        )
        return cls(state, OrderPlaced(Actor(ActorKind.USER, owner), now))

    @classmethod
    def restore(cls, state: OrderState) -> Self:
        """Rebuild from storage. Records no event: use `place` for a new order."""
        return cls(state, None)

    @property
    def id(self) -> OrderId:
        """The order's identity."""
        return self._state.id

    @property
    def state(self) -> OrderState:
        """The order as it is now, as a value that nobody can change."""
        return self._state

    @property
    def event(self) -> OrderEvent | None:
        """What this write of the order has recorded; None where nothing changed."""
        return self._event

    @property
    def is_processed(self) -> bool:
        """Whether background processing has had its effect."""
        return self._state.processed_at is not None

    def ensure_version(self, accepted: frozenset[int] | None) -> None:
        """Refuse a change that was decided on by looking at another version.

        Raises:
            VersionConflict: the order's version is none of the accepted ones; None accepts any.
        """
        if accepted is not None and self._state.version not in accepted:
            raise VersionConflict(self._state.version)

    def move_to(self, status: OrderStatus, by: Actor, reason: str | None, now: datetime) -> None:
        """Move along the lifecycle; asking for the present status again changes nothing.

        Raises:
            IllegalTransition: the lifecycle has no such step from here.
        """
        current = self._state.status
        if status is current:
            return
        if status not in TRANSITIONS[current]:
            raise IllegalTransition(current, status, current.next)
        self._write(
            OrderStatusChanged(current, status, by, reason, now),
            replace(self._state, status=status, version=self._state.version + 1, updated_at=now),
        )

    def finish_processing(self, now: datetime) -> Outcome:
        """Record that background processing had its effect; a canceled order's is to be skipped.

        Raises:
            ValueError: it has been recorded before: the inbox lets nobody come here twice.
        """
        if self.is_processed:
            raise ValueError(f"order {self.id} is processed already")
        outcome = self.outcome_if_processed_now
        self._write(
            OrderProcessed(outcome, now), replace(self._state, processed_at=now, updated_at=now)
        )
        return outcome

    @property
    def outcome_if_processed_now(self) -> Outcome:
        """What processing would come to: there is nothing to fulfil in a canceled order."""
        canceled = self._state.status is OrderStatus.CANCELED
        return Outcome.SKIPPED if canceled else Outcome.FULFILLED

    def _write(self, event: OrderEvent, state: OrderState) -> None:
        if self._event is not None:
            raise ValueError("one write of an order records one event: save it first")
        self._event = event
        self._state = replace(state, revision=state.revision + 1)


def parse_reference(value: object) -> str:
    """The client's own id of an order: 1 to 64 characters.

    Raises:
        Invalid: it is not.
    """
    return parse_text(value, 1, MAX_REFERENCE)


def parse_reason(value: object) -> str:
    """Why a status was changed: 1 to 500 characters.

    Raises:
        Invalid: it is not.
    """
    return parse_text(value, 1, MAX_REASON)
