"""Log events as lines of text, for a terminal or as JSON.

No line has a local variable: the frames of a request hold passwords, hashes and tokens, and it
takes longer to render all values of a deep stack than to serve the request.
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

#: The innermost frames that are logged, of each exception in a chain.
_MAX_FRAMES: Final = 24
_MAX_TRACEBACK_CHARACTERS: Final = 16_000
_LEVELS: Final = {"warning": "WARN", "exception": "ERROR", "critical": "CRIT"}
_COLORS: Final = {"WARN": "33", "ERROR": "31", "CRIT": "31;1", "DEBUG": "2"}
_FAILURES: Final = frozenset({"warning", "error", "exception", "critical"})

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Event = structlog.typing.EventDict


def traceback_text(exc_info: ExcInfo) -> str:
    """Return the traceback: frames and messages, without local variables and known secrets."""
    trace = TracebackException(*exc_info, limit=-_MAX_FRAMES, compact=True)
    text = without_secrets("".join(trace.format()).rstrip("\n"))
    return text[-_MAX_TRACEBACK_CHARACTERS:]


def hide_secrets(_: Any, level: str, event: Event) -> Event:
    """Hide secrets in the texts of a failure; other events have no texts from outside."""
    if level in _FAILURES:
        for name, value in event.items():
            if isinstance(value, BaseException):
                value = str(value)  # noqa: PLW2901 - rendered as its text
            if isinstance(value, str):
                event[name] = without_secrets(value)
    return event


def json_bytes(_: Any, __: str, event: Event) -> bytes:
    """Render an event as a JSON object."""
    return msgspec.json.encode(event, enc_hook=repr)


def json_text(_: Any, __: str, event: Event) -> str:
    """Render an event as a JSON object."""
    return msgspec.json.encode(event, enc_hook=repr).decode()


def console_line(*, colors: bool) -> Callable[[Any, str, Event], str]:
    """Return a renderer of lines such as `12:03:04.123 INFO  201 POST /orders/ 12.3 ms`."""

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
    """Remove a request's fields from the event; return them as text, the status first."""
    status, ms = event.pop("status"), event.pop("ms")
    head = f"{status} {event.pop('method')} {_shown(event.pop('path'))} {ms} ms"
    del event["event"]
    request_id = event.pop("request_id", None)
    if status >= 400:  # for a search in other logs
        event["request_id"] = request_id
    return head


def _now() -> str:
    now = datetime.now(UTC).astimezone()
    return f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"


def _shown(text: object) -> str:
    """Return the text on one line: a client must not write log lines by its choice of a path."""
    shown = str(text).rstrip("\n")
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def _quoted(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(" '\"=") else repr(text)


def wants_colors() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()
