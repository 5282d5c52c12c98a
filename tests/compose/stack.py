"""A stack of compose.yaml under a name and on a port of its own, and what is asked of it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.servers.ports import HOST, Ports

ROOT: Final = Path(__file__).parents[2]
UP_WITHIN: Final = 1800


class Stack:
    """`docker compose` for one project; `COMPOSE_FILE` may add files, such as how to build."""

    def __init__(self) -> None:
        self._ports = Ports(1)
        self.name = f"orders-test-{uuid4().hex[:8]}"
        self.url = f"http://{HOST}:{self._ports.numbers[0]}"
        self._environment = os.environ | {
            "COMPOSE_PROJECT_NAME": self.name,
            "API_PORT": str(self._ports.numbers[0]),
            "PROCESSING_DELAY": "0",
        }

    def compose(self, *words: str) -> str:
        """What a command of Compose says; it has to succeed."""
        done = subprocess.run(
            ["docker", "compose", *words],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=UP_WITHIN,
        )
        assert done.returncode == 0, f"docker compose {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *words: str) -> None:
        """Bring it up, and wait until all of it is healthy."""
        self.compose("up", "--detach", "--wait", *words)

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """The running containers, as `docker compose ps` describes them."""
        listed = self.compose("ps", "--format", "json", *services)
        return [json.loads(line) for line in listed.splitlines()]

    def inspected(self) -> str:
        """Everything that the engine says of every container, those that ended too."""
        return docker("inspect", *self.compose("ps", "--all", "--quiet").split())

    def run(self, *command: str) -> str:
        """What an `orders` command says."""
        return self.compose("exec", "-T", "api", "orders", *command)

    def down(self) -> None:
        """Take it down, with all that it kept."""
        self.compose("down", "--volumes", "--timeout", "20")
        self._ports.release()


def docker(*words: str) -> str:
    """What a command of Docker says; it has to succeed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
