"""Run `orders rehearse`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.support.deadlines import LONG

#: The command, with longer deadlines for Kafka.
MAIN = f"""
from adapters.kafka import connection, producer, topic_writer, topics
connection._HANDSHAKE_SECONDS = producer._REQUEST_SECONDS = topics._TIMEOUT_SECONDS = {LONG}
topic_writer._TOPIC_SECONDS = {LONG}
from entrypoints.cli.main import main
main()
"""


def rehearse(*options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these settings in an empty environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", MAIN, "rehearse", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**kept, "KAFKA_BOOTSTRAP_SERVERS": "", **settings},
    )


def a_topic() -> str:
    return f"rehearsal-{uuid4().hex}"


def published(bootstrap: str, topic: str, *options: str, **settings: str) -> Mapping[str, Any]:
    """Publish a rehearsal and return the printed object."""
    done = rehearse(
        "--topic", topic, "--json", *options, KAFKA_BOOTSTRAP_SERVERS=bootstrap, **settings
    )
    assert (done.returncode, done.stderr) == (0, "")
    document: Mapping[str, Any] = json.loads(done.stdout)
    return document
