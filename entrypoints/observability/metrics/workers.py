"""The workers of one service count together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from entrypoints.observability.metrics.table import SHARED_FOLDER


@contextmanager
def counting_together() -> Iterator[None]:
    """Processes that are started in the block find their counts added up, in a folder of their own.

    Raises:
        OSError: there is no place for the folder.
    """
    with TemporaryDirectory(prefix="orders-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def forget_worker(pid: int) -> None:
    """Take a worker that has ended out of the gauges; what it counted stays counted."""
    mark_process_dead(pid, os.environ[SHARED_FOLDER])  # type: ignore[no-untyped-call]
