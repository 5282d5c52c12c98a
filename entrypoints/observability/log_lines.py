"""Render log events as lines, either for a terminal or as JSON.

Tracebacks don't include local variables. During a request they can be passwords, hashes or tokens,
and rendering all the values in a deep stack takes longer than the request itself.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from traceback import TracebackException
from types import TracebackType
from typing import Any, Final

import msgspec
import structlog

from entrypoints.observability.log_secrets import without_secrets

#: How many of the innermost frames are logged for each exception in a chain.
_MAX_FRAMES: Final = 24
_MAX_TRACEBACK_CHARACTERS: Final = 16_000
_LEVELS: Final = {"warning": "WARN", "exception": "ERROR", "critical": "CRIT"}
_COLORS: Final = {"WARN": "33", "ERROR": "31", "CRIT": "31;1", "DEBUG": "2"}
_FAILURES: Final = frozenset({"warning", "error", "exception", "critical"})

#: Values that JSON doesn't have are shown by their `repr`.
json_encoder: Final = msgspec.json.Encoder(enc_hook=repr)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Event = structlog.typing.EventDict


def traceback_text(exc_info: ExcInfo) -> str:
    """Return a traceback with frames and messages, but without local variables or known secrets."""
    trace = TracebackException(*exc_info, limit=-_MAX_FRAMES, compact=True)
    text = without_secrets("".join(trace.format()).rstrip("\n"))
    return text[-_MAX_TRACEBACK_CHARACTERS:]


def hide_secrets(_: Any, level: str, event: Event) -> Event:
    """Hide secrets in a failure's texts. Other events don't contain text from elsewhere."""
    if level in _FAILURES:
        for name, value in event.items():
            if isinstance(value, BaseException):
                value = str(value)  # noqa: PLW2901 - rendered as text
            if isinstance(value, str):
                event[name] = without_secrets(value)
    return event


def json_bytes(_: Any, __: str, event: Event) -> bytes:
    """Render an event as a JSON object."""
    return json_encoder.encode(event)


def json_text(_: Any, __: str, event: Event) -> str:
    """Render an event as a JSON object."""
    return json_encoder.encode(event).decode()


def console_line(*, colors: bool) -> Callable[[Any, str, Event], str]:
    """Return a renderer for lines such as `12:03:04.123 INFO  201 POST /orders/ 12.3 ms`."""

    def render(_: Any, __: str, event: Event) -> str:
        level = event.pop("level")
        level = _LEVELS.get(level, level.upper())
        trace = event.pop("exception", None)
        head = _request(event) if event["event"] == "request" else _shown(event.pop("event"))
        fields = [f"{name}={_quoted(value)}" for name, value in event.items()]
        shown = f"{level:<5}"
        if colors and level in _COLORS:
            shown = f"\x1b[{_COLORS[level]}m{shown}\x1b[0m"
        line = " ".join([_now(), shown, head, *fields])
        return f"{line}\n{trace}" if trace else line

    return render


def _request(event: Event) -> str:
    """Remove a request's fields from the event and return them as text, status first."""
    status, ms = event.pop("status"), event.pop("ms")
    head = f"{status} {event.pop('method')} {_shown(event.pop('path'))} {ms} ms"
    del event["event"]
    request_id = event.pop("request_id", None)
    if status >= 400:  # to find the request in other logs
        event["request_id"] = request_id
    return head


def _now() -> str:
    now = datetime.now(UTC).astimezone()
    return f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"


def _shown(text: object) -> str:
    """Return the text on one line. Otherwise a client could forge log lines with a path."""
    shown = str(text).rstrip("\n")
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def _quoted(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(" '\"=") else repr(text)


def wants_colors() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()
