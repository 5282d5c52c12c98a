"""Errors with a one-sentence message for the operator."""

from collections.abc import Iterator
from contextlib import contextmanager


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used. The message includes a remedy."""


class AlreadyServing(EmbeddedPostgresError):
    """Another `serve` is running on the same DATA_DIR."""


@contextmanager
def explained(doing: str, remedy: str = "") -> Iterator[None]:
    """Convert an `OSError` (a full disk, a missing permission) to an `EmbeddedPostgresError`.

    Args:
        doing: the failing operation, for example "create the folder /srv/x".
        remedy: an operator's next step, for example "set DATA_DIR".

    Raises:
        EmbeddedPostgresError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        place = (
            f" ({error.filename})" if error.filename and str(error.filename) not in doing else ""
        )
        end = f"; {remedy}." if remedy else "."
        raise EmbeddedPostgresError(
            f"Cannot {doing}: {error.strerror or error}{place}{end}"
        ) from error
