"""The library's errors, and a context manager that translates other errors to them."""

from collections.abc import Iterator
from contextlib import contextmanager


class RedisUnavailable(Exception):
    """Redis is unreachable, responded too late, or returned an error."""


class UnusableServer(RedisUnavailable):
    """The server cannot be used with this URL, so retrying won't help."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate all errors from redis-py and the event loop to `RedisUnavailable`.

    This doesn't use a list of exception classes because it could never be complete. For example,
    uvloop raises RuntimeError for a closed transport.

    Raises:
        RedisUnavailable: the block raised an exception.
    """
    try:
        yield
    except RedisUnavailable:
        raise
    except Exception as error:
        raise RedisUnavailable(str(error) or type(error).__name__) from error
