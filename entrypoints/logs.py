"""Structured logs: one line an event, with the request's id wherever there is a request."""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

logger: Final[structlog.typing.FilteringBoundLogger] = structlog.get_logger()

#: Libraries that say at INFO what only their developers want to know.
_CHATTY: Final = ("alembic", "asyncio", "taskiq", "httpx", "uvicorn")


def configure_logs(level: str, style: str) -> None:
    """Send every log line of the process, libraries' included, to standard error.

    `style` is `json` or `console`.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if style == "json":
        written = _rendered(_json)
        libraries = _rendered(_json_text)
        # Ready bytes, in one write: a line of the log costs a request more than its rendering.
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        written = libraries = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    numeric = logging.getLevelName(level)
    structlog.configure(
        processors=[*shared, *written],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *libraries],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=numeric, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))
    # It logs an error several times a second while Kafka is away; our adapters say it once.
    logging.getLogger("aiokafka").setLevel(numeric if level == "DEBUG" else logging.CRITICAL)


def _rendered(serializer: Callable[..., str | bytes]) -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer)]


def _json(event: object, **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def _json_text(event: object, **_: object) -> str:
    return _json(event).decode()
