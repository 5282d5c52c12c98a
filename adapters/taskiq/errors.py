"""Translate the brokers' errors to the errors of the task queue port."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from application.errors import QueueUnavailable
from libraries.outages import outages
from libraries.redis_client.errors import RedisUnavailable
from libraries.task_stream.errors import QueueFull


@contextmanager
def queue_errors() -> Iterator[None]:
    """Translate the brokers' errors.

    Raises:
        QueueUnavailable: Redis is unavailable, or the queue is full.
    """
    try:
        yield
    except RedisUnavailable as error:
        raise QueueUnavailable(str(error)) from error
    except QueueFull as error:
        raise QueueUnavailable("The task queue is full.") from error


@contextmanager
def logged_outages() -> Iterator[None]:
    """Log if the broker encounters an outage of the queue, without changing the error."""
    original: RedisUnavailable | None = None
    with suppress(QueueUnavailable), outages.noticing(QueueUnavailable.server), queue_errors():
        try:
            yield
        except RedisUnavailable as error:
            original = error
            raise
    if original is not None:
        raise original
