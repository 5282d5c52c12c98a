"""`orders consume`: the role in a process of its own."""

from entrypoints.cli.role import run_role
from entrypoints.cli.run import configured, run
from entrypoints.composition.loops import start_consumer


def consume() -> None:
    """Read new orders from Kafka and add them to the task queue."""
    run(run_role(configured(), "consume", start_consumer))
