"""What goes wrong here, said to an operator in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used: one sentence that an operator can act on."""


class AlreadyServing(EmbeddedPostgresError):
    """Another `serve` runs on the same DATA_DIR."""


@contextmanager
def explained(doing: str, remedy: str = "") -> Iterator[None]:
    """Turn the operating system's refusal (a full disk, a missing right) into a sentence.

    Args:
        doing: what was tried, such as "create the folder /srv/x".
        remedy: what an operator can do about it, such as "set DATA_DIR".

    Raises:
        EmbeddedPostgresError: in place of any OSError of the block.
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
