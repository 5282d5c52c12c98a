"""Collect the outcomes of a `publish` call."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeGuard
from uuid import UUID

from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,
)

from adapters.kafka.connection import reason_of
from application.documents import Event
from application.ports.events import Placement, PublishReport
from domain.ids import EventId

#: Errors that the broker would return for the same event every time.
_REFUSALS: Final = (
    CorruptRecordException,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,  # used for codes that are newer than aiokafka, such as INVALID_RECORD
)
_NOT_TRIED: Final = "an earlier event of the order did not get through"


class Outcomes:
    """Collects the outcome of each event. You can get a complete report at any time."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        #: Futures for the broker's responses to the events that were sent.
        self.sent: dict[EventId, asyncio.Future[Any]] = {}
        self.rejected: dict[EventId, str] = {}
        self.unreached: dict[EventId, str] = {}

    def ready(self, turn: Sequence[Event]) -> Sequence[Event]:
        """Return events whose predecessors were acknowledged, and report the others as failed."""
        held = self._held()
        self.unreached |= {event.id: _NOT_TRIED for event in turn if event.subject in held}
        return [event for event in turn if event.subject not in held]

    def fail(self, event: Event, error: Exception) -> None:
        """Record why an event could not be sent, either because of Kafka or the event itself."""
        if isinstance(error, KafkaError | OSError) and not _is_refusal(error):
            self.unreached[event.id] = reason_of(error)
        else:
            self.rejected[event.id] = reason_of(error)

    def has_failures(self, events: Sequence[Event]) -> bool:
        """Return whether any of these were sent but not acknowledged, which leaves a gap."""
        return any(event.id in self.sent and not self._is_acknowledged(event) for event in events)

    def take_refused(self, events: Sequence[Event]) -> Sequence[tuple[Event, str]]:
        """Return the rejected events with the reasons, and no longer treat them as sent."""
        errors = [(event, self._error(event)) for event in events]
        refused = [(event, reason_of(error)) for event, error in errors if _is_refusal(error)]
        for event, _ in refused:
            del self.sent[event.id]
        return refused

    def report(self, reason: str = "Kafka did not answer") -> PublishReport:
        """Report all events in order. Use `reason` for events without an outcome."""
        acknowledged, unreached = {}, {}
        for event in self._events:
            if self._is_acknowledged(event):
                acknowledged[event.id] = _placement(self.sent[event.id].result())
            elif event.id not in self.rejected:
                error = self._error(event)
                known = self.unreached.get(event.id)
                unreached[event.id] = known or (reason_of(error) if error else reason)
        return PublishReport(acknowledged, self.rejected, unreached)

    def _held(self) -> set[UUID]:
        return {
            event.subject
            for event in self._events
            if event.id in self.rejected
            or event.id in self.unreached
            or (event.id in self.sent and not self._is_acknowledged(event))
        }

    def _is_acknowledged(self, event: Event) -> bool:
        sent = self.sent.get(event.id)
        return sent is not None and sent.done() and self._error(event) is None

    def _error(self, event: Event) -> BaseException | None:
        sent = self.sent.get(event.id)
        if sent is None or not sent.done():
            return None
        return asyncio.CancelledError() if sent.cancelled() else sent.exception()


def _is_refusal(error: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether the broker would reject the same event again."""
    return isinstance(error, _REFUSALS)


def _placement(metadata: Any) -> Placement:
    """Convert aiokafka's RecordMetadata."""
    return Placement(metadata.partition, metadata.offset)
