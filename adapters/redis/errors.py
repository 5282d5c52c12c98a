"""The one error of this adapter, and the one place that makes it of others."""

from collections.abc import Iterator
from contextlib import contextmanager


class OutOfReach(Exception):
    """Redis did not do as requested: it is away, too slow, or refuses."""


class UnusableServer(OutOfReach):
    """The server cannot be used with these settings, however long one waits; why."""


@contextmanager
def errors_as_ours() -> Iterator[None]:
    """Raise whatever redis-py or the event loop raises as the one error of this adapter.

    There is no list of their classes: uvloop, for one, raises RuntimeError for a closed transport.

    Raises:
        OutOfReach: with the reason.
    """
    try:
        yield
    except OutOfReach:
        raise
    except Exception as error:
        raise OutOfReach(str(error) or type(error).__name__) from error
