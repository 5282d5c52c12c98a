"""Run a stack from compose.yaml with its own name and port."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.e2e.service import NO_LIMITS
from tests.servers.ports import HOST, Ports

ROOT: Final = Path(__file__).parents[2]
UP_TIMEOUT_SECONDS: Final = 1800


class Stack:
    """`docker compose` for one project. `COMPOSE_FILE` may add files, for example with build
    options.
    """

    def __init__(self) -> None:
        self._ports = Ports(1)
        self.name = f"orders-test-{uuid4().hex[:8]}"
        self.url = f"http://{HOST}:{self._ports.numbers[0]}"
        self._volumes: set[str] = set()
        self._environment = os.environ | {
            **NO_LIMITS,
            "COMPOSE_PROJECT_NAME": self.name,
            "API_PORT": str(self._ports.numbers[0]),
            "PROCESSING_DELAY": "0",
        }

    def compose(self, *words: str) -> str:
        """Run a Compose command and return its output. Fail if the command fails."""
        done = subprocess.run(
            ["docker", "compose", *words],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=UP_TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"docker compose {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *words: str) -> None:
        """Start the stack and wait until every container is healthy."""
        try:
            self.compose("up", "--detach", "--wait", *words)
        except AssertionError as error:
            error.add_note(self._report())
            raise

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """Return the running containers as `docker compose ps` describes them."""
        listed = self.compose("ps", "--format", "json", *services)
        return [json.loads(line) for line in listed.splitlines()]

    def inspect(self) -> str:
        """Return the output of `docker inspect` for every container, including exited ones."""
        return docker("inspect", *self.compose("ps", "--all", "--quiet").split())

    def run(self, *command: str) -> str:
        """Run an `orders` command and return its output."""
        return self.compose("exec", "-T", "api", "orders", *command)

    def down(self, *words: str) -> None:
        """Stop the stack and remove its containers and networks, but not its volumes."""
        self._volumes |= self._mounted_volumes()
        self.compose("down", "--timeout", "20", *words)

    def close(self) -> None:
        """Remove the stack and check that nothing of it is left."""
        self.down("--volumes")
        self._ports.release()
        label = f"label=com.docker.compose.project={self.name}"
        for kind in ("container", "volume", "network"):
            left = docker(kind, "ls", "--quiet", "--filter", label)
            assert left == "", f"{kind}s were left behind"
        # A nameless volume has no label. Volumes of other programs may come and go meanwhile.
        nameless = self._volumes & set(docker("volume", "ls", "--quiet").split())
        assert not nameless, "nameless volumes were left behind"

    def _report(self) -> str:
        """Return the state, the last health checks and the last log lines of every container."""
        containers = self.compose("ps", "--all", "--quiet").split()
        states = docker("inspect", "--format", "{{.Name}} {{json .State}}", *containers)
        return states + self.compose("logs", "--no-color", "--timestamps", "--tail", "20")

    def _mounted_volumes(self) -> set[str]:
        if not (containers := self.compose("ps", "--all", "--quiet").split()):
            return set()
        described = json.loads(docker("inspect", *containers))
        mounts = [mount for container in described for mount in container["Mounts"]]
        return {mount["Name"] for mount in mounts if mount["Type"] == "volume"}


def docker(*words: str) -> str:
    """Run a Docker command and return its output. Fail if the command fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
