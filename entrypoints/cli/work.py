"""`orders work`: run the worker in its own process."""

from entrypoints.cli.role import run_role
from entrypoints.cli.run import configured, run
from entrypoints.composition.worker import start_worker


def work() -> None:
    """Process orders from the task queue; requeue stalled ones."""
    run(run_role(configured(), "work", start_worker))
