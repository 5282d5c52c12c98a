"""Propagate the current trace to the events that are published (W3C Trace Context)."""

import re
from contextvars import ContextVar
from typing import Final
from uuid import UUID

#: Version, trace id, parent id and flags (W3C Trace Context, section 3.2). An all-zero id is
#: invalid.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)

#: The `traceparent` header of the current request or task. It has not been validated.
current_traceparent: Final[ContextVar[str | None]] = ContextVar("current_traceparent", default=None)


def traceparent_of(event_id: UUID) -> str:
    """Return an event's `traceparent`. It continues the current trace or starts a new one.

    Event ids are unique, so the span id, and the trace id if it is new, are derived from them.
    """
    current = current_traceparent.get()
    known = _TRACEPARENT.fullmatch(current) if current else None
    trace, flags = (known["trace"], known["flags"]) if known else (event_id.hex, "00")
    return f"00-{trace}-{event_id.hex[16:]}-{flags}"
