"""Structured logs, with one line per event. Includes the request id if there is a request."""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog

from entrypoints.observability import log_lines

logger: Final[structlog.typing.FilteringBoundLogger] = structlog.get_logger()

#: The id of the request that is being served. None outside of a request.
current_request_id: Final[ContextVar[str | None]] = ContextVar("current_request_id", default=None)

#: Libraries whose INFO messages are only useful to their own developers.
_CHATTY: Final = ("alembic", "asyncio", "dishka", "taskiq", "httpx", "uvicorn", "watchfiles")
_STDOUT: Final = 1
_STDERR: Final = 2

#: The format of all output from this process, `json` or `console`.
_style = "console"


def configure_logs(level: str, style: str) -> None:
    """Send all log lines to standard error, including those from libraries.

    `style` is `json` or `console`.
    """
    global _style  # noqa: PLW0603 - a process has one standard error
    _style = style
    shared: list[structlog.typing.Processor] = [
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.ExceptionRenderer(log_lines.traceback_text),
        log_lines.hide_secrets,
    ]
    if style == "json":
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        own: Any = log_lines.json_bytes
        libraries: Any = log_lines.json_text
    else:
        own = libraries = log_lines.console_line(colors=log_lines.wants_colors())
    numeric = logging.getLevelName(level)
    structlog.configure(
        processors=[*shared, own],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: _LineLogger(),
        cache_logger_on_first_use=True,
    )
    handler = _LineHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, libraries],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=numeric, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))
    # aiokafka logs several errors a second while Kafka is down. Our adapters log only one.
    logging.getLogger("aiokafka").setLevel(numeric if level == "DEBUG" else logging.CRITICAL)


def log_crashes() -> None:
    """Log warnings and uncaught exceptions in the same format as everything else."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    sys.unraisablehook = lambda unraisable: _log_crash(
        unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback
    )
    threading.excepthook = lambda ended: _log_crash(
        ended.exc_type, ended.exc_value, ended.exc_traceback
    )


def log_requests(requests: Sequence[dict[str, Any]]) -> None:
    """Log several requests at INFO. Their events must not have texts from elsewhere in them.

    As JSON, all of them together cost little more than a single event that is logged by `logger`.
    """
    if _style != "json":
        for request in requests:
            logger.info("request", **request)
    elif requests and logger.is_enabled_for(logging.INFO):
        common = {"event": "request", "level": "info", "timestamp": _timestamp()}
        lines = log_lines.json_encoder.encode_lines([request | common for request in requests])
        write_line(_STDERR, lines.removesuffix(b"\n"))


def announce_ready(sentence: str, **facts: str) -> None:
    """Announce on standard output that the process is ready, with `facts` about it by name.

    If standard output is closed, that is ignored, because the process can serve without it.
    """
    if _style == "json":
        named = {name.lower(): fact for name, fact in facts.items()}
        line = {"event": sentence, **named, "level": "info", "timestamp": _timestamp()}
        write_line(_STDOUT, msgspec.json.encode(line))
        return
    width = max(map(len, facts), default=0)
    lines = [sentence, *(f"  {name:<{width}}  {fact}" for name, fact in facts.items())]
    write_line(_STDOUT, "\n".join(lines).encode())


def _timestamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def write_line(descriptor: int, line: bytes) -> None:
    """Write a line without buffering. If that fails, the line is lost."""
    unwritten = line + b"\n"
    try:
        while unwritten:
            unwritten = unwritten[os.write(descriptor, unwritten) :]
    except OSError:
        pass


def _add_request_id(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    request_id = current_request_id.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


class _LineLogger:
    """The logger underneath structlog, which writes rendered events."""

    def msg(self, line: bytes | str) -> None:
        """Write the line."""
        write_line(_STDERR, line if isinstance(line, bytes) else _encoded(line))

    debug = info = warning = warn = error = err = exception = critical = fatal = log = msg


class _LineHandler(logging.Handler):
    """Writes log records from libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line."""
        write_line(_STDERR, _encoded(self.format(record)))


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace")


def _log_crash(kind: Any, error: BaseException | None, trace: Any) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        return
    logger.critical("unhandled exception", exc_info=(kind, error, trace))
