"""Errors, each one sentence for an operator."""

from collections.abc import Iterator
from contextlib import contextmanager


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the message is one sentence with a remedy."""


class AlreadyServing(EmbeddedPostgresError):
    """Another `serve` runs on the same DATA_DIR."""


@contextmanager
def explained(doing: str, remedy: str = "") -> Iterator[None]:
    """Turn an `OSError` (a full disk, a missing permission) into an `EmbeddedPostgresError`.

    Args:
        doing: the attempt, such as "create the folder /srv/x".
        remedy: an operator's next step, such as "set DATA_DIR".

    Raises:
        EmbeddedPostgresError: in place of the block's `OSError`.
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
