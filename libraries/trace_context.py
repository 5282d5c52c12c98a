"""The trace that a piece of work belongs to, told on with what it causes (W3C Trace Context)."""

import re
from contextvars import ContextVar
from typing import Final
from uuid import UUID

#: W3C Trace Context, 3.2: version, trace, parent, flags; ids of zeros alone stand for nothing.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)

#: What whoever asked for the present work said of its trace: a `traceparent`, or whatever it was.
current_traceparent: Final[ContextVar[str | None]] = ContextVar("current_traceparent", default=None)


def traceparent_of(event_id: UUID) -> str:
    """The `traceparent` of an event: of its cause's trace, else of one that begins with it.

    The event's own id is a trace's and a span's as well as any other: no two events share one.
    """
    known = _TRACEPARENT.fullmatch(current_traceparent.get() or "")
    trace, flags = (known["trace"], known["flags"]) if known else (event_id.hex, "00")
    return f"00-{trace}-{event_id.hex[16:]}-{flags}"
