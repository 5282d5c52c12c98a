"""Trace propagation from the current work to the events that it causes (W3C Trace Context)."""

import re
from contextvars import ContextVar
from typing import Final
from uuid import UUID

#: W3C Trace Context, 3.2: version, trace, parent, flags. An id of zeros is invalid.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)

#: The `traceparent` header that arrived with the current work; it is not validated yet.
current_traceparent: Final[ContextVar[str | None]] = ContextVar("current_traceparent", default=None)


def traceparent_of(event_id: UUID) -> str:
    """Return the `traceparent` of an event: in the trace of its cause, or in a new one.

    The event's id serves as the span's id, and as the new trace's: no two events share one.
    """
    known = _TRACEPARENT.fullmatch(current_traceparent.get() or "")
    trace, flags = (known["trace"], known["flags"]) if known else (event_id.hex, "00")
    return f"00-{trace}-{event_id.hex[16:]}-{flags}"
