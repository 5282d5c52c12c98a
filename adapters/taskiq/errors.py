"""Translation of the brokers' errors to those of the port."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from application.errors import QueueUnavailable
from libraries.outages import outages
from libraries.redis_client.errors import RedisUnavailable
from libraries.task_stream.errors import QueueFull


@contextmanager
def queue_errors() -> Iterator[None]:
    """Translate the errors of the brokers.

    Raises:
        QueueUnavailable: Redis is unavailable, or the queue is full.
    """
    try:
        yield
    except RedisUnavailable as error:
        raise QueueUnavailable(f"The task queue is out of reach: {error}") from error
    except QueueFull as error:
        raise QueueUnavailable("The task queue is full.") from error


@contextmanager
def logged_outages() -> Iterator[None]:
    """Log the outages of the queue that the broker meets; its errors pass through."""
    original: RedisUnavailable | None = None
    with suppress(QueueUnavailable), outages.noticing(QueueUnavailable.server), queue_errors():
        try:
            yield
        except RedisUnavailable as error:
            original = error
            raise
    if original is not None:
        raise original
