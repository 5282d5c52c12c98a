"""The one error of this adapter, and the one place that makes it of others."""

from collections.abc import Iterator
from contextlib import contextmanager


class RedisUnavailable(Exception):
    """Redis did not do as requested: it is away, too slow, or refuses."""


class UnusableServer(RedisUnavailable):
    """The server cannot be used with these settings, however long one waits; why."""


@contextmanager
def errors_as_ours() -> Iterator[None]:
    """Raise whatever redis-py or the event loop raises as the one error of this adapter.

    There is no list of their classes: uvloop, for one, raises RuntimeError for a closed transport.

    Raises:
        RedisUnavailable: with the reason.
    """
    try:
        yield
    except RedisUnavailable:
        raise
    except Exception as error:
        raise RedisUnavailable(str(error) or type(error).__name__) from error
