"""`orders relay`: run the relay in its own process."""

from entrypoints.cli.role import run_role
from entrypoints.cli.run import configured, run
from entrypoints.composition.loops import start_relay


def relay() -> None:
    """Publish the events of the outbox on Kafka."""
    run(run_role(configured(), "relay", start_relay))
