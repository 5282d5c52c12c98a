"""The error of this library, and the one place that translates other errors to it."""

from collections.abc import Iterator
from contextlib import contextmanager


class RedisUnavailable(Exception):
    """Redis is unreachable, answers too late, or refuses a command."""


class UnusableServer(RedisUnavailable):
    """The server cannot be used with this URL; another attempt cannot help."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate every error of redis-py or of the event loop to `RedisUnavailable`.

    There is no list of their classes: uvloop, for example, raises RuntimeError for a closed
    transport.

    Raises:
        RedisUnavailable: with the reason.
    """
    try:
        yield
    except RedisUnavailable:
        raise
    except Exception as error:
        raise RedisUnavailable(str(error) or type(error).__name__) from error
