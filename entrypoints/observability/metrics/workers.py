"""Counts shared by all workers of a service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from entrypoints.observability.metrics.table import SHARED_FOLDER


@contextmanager
def counting_together() -> Iterator[None]:
    """Give processes started inside the block a folder in which their counts are added up.

    Raises:
        OSError: the folder cannot be created.
    """
    with TemporaryDirectory(prefix="orders-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def forget_worker(pid: int) -> None:
    """Remove the gauges of a worker that has ended, but keep its counts."""
    mark_process_dead(pid, os.environ[SHARED_FOLDER])  # type: ignore[no-untyped-call]
