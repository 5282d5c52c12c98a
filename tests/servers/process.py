"""Run a server as a process on this machine."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

from tests.servers.ports import Ports
from tests.servers.server import Unavailable
from tests.servers.watchdog import (
    Watchdog,
    freeze_tree,
    is_alive,
    kill_tree,
    process_tree,
    signal_all,
)

#: Limits in seconds. Generous because the machine may be busy.
START_TIMEOUT_SECONDS = 300.0
STOP_TIMEOUT_SECONDS = 120.0


class Program(Protocol):
    """Everything that differs between server programs. Clients use the first port."""

    name: str
    ports: int
    stop_signal: signal.Signals
    account: pwd.struct_passwd | None

    def initialise(self, folder: Path) -> None:
        """Initialise an empty data folder."""

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Return the command that runs the program in the foreground."""

    def is_ready(self, port: int) -> bool:
        """Return whether the server is ready."""

    def url(self, port: int) -> str:
        """Return the address for clients."""


def is_open_to_others(path: Path) -> bool:
    """Return whether every user on this machine can reach the path."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def temporary_folder(*, for_others: bool) -> Path:
    """Return the folder for temporary folders. Root's own may be inaccessible to other users."""
    usual = Path(tempfile.gettempdir())
    return usual if not for_others or is_open_to_others(usual) else Path("/var/tmp")  # noqa: S108


class ProcessOptions(TypedDict, total=False):
    """`subprocess` options for running a program."""

    cwd: Path
    stdin: int
    env: dict[str, str]
    start_new_session: bool
    user: int
    group: int
    extra_groups: list[int]


def process_options(account: pwd.struct_passwd | None, folder: Path) -> ProcessOptions:
    """Return options to run a program in `folder`, in a new session, as `account` if given."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    options: ProcessOptions = {
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "env": inherited | {"HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"},
        "start_new_session": True,
    }
    if account:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def run_command(
    command: Sequence[str],
    *,
    timeout_seconds: float = START_TIMEOUT_SECONDS,
    **options: Unpack[ProcessOptions],
) -> None:
    """Run a command that prepares a server.

    Raises:
        Unavailable: if it fails or exceeds the timeout.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, timeout=timeout_seconds, check=False, text=True, capture_output=True, **options
        )
    except subprocess.TimeoutExpired as slow:
        raise Unavailable(f"{name} took over {timeout_seconds:.0f} s") from slow
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        complaint = next((line for line in lines if "error" in line.lower()), "no error was logged")
        raise Unavailable(f"{name} failed: {complaint}")


class LocalServer:
    """A `Server` that runs a program on this machine."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._ports = Ports(program.ports)
        parent = temporary_folder(for_others=program.account is not None)
        self.folder = Path(tempfile.mkdtemp(prefix=f"orders-{program.name}-", dir=parent))
        self._log = self.folder / "log"
        self._watchdog = Watchdog()
        self._watchdog.guard(folder=self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._program.url(self._ports.numbers[0])

    @property
    def controller_port(self) -> int:
        """The second port, which is that of a Kafka controller."""
        return self._ports.numbers[1]

    @property
    def data(self) -> Path:
        """The folder with the server's data."""
        return self.folder / "data"

    @property
    def pid(self) -> int | None:
        """The id of the listening process, or None if there isn't one."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether there is a process that hasn't ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, empty: bool = False) -> None:
        if self._process:
            raise RuntimeError("the server is already running")
        data = self.data
        if empty:
            shutil.rmtree(data, ignore_errors=True)
        if not data.exists():
            self._initialise(data)
        self._process = self._spawn(data)
        self._watchdog.guard(pid=self._process.pid, folder=self.folder)
        self._wait_until_ready(self._process)

    def _initialise(self, data: Path) -> None:
        data.mkdir(mode=0o700)
        if account := self._program.account:
            for folder in (self.folder, data):
                os.chown(folder, account.pw_uid, account.pw_gid)
        self._program.initialise(data)

    def _spawn(self, data: Path) -> subprocess.Popen[bytes]:
        command = self._program.command(data, self._ports.numbers)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, **process_options(self._program.account, data)
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._program.is_ready(self._ports.numbers[0]):
            if process.poll() is not None or time.monotonic() > deadline:
                reason = f"{self._program.name} did not start: {self._log_tail()}"
                self.kill()
                raise Unavailable(reason)
            time.sleep(0.02)

    def stop(self) -> None:
        if not self._process:
            return
        self.resume()
        self._process.send_signal(self._program.stop_signal)
        try:
            code = self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._forget()
        if code not in {0, 128 + self._program.stop_signal}:
            raise RuntimeError(f"{self._program.name} ended with {code}: {self._log_tail()}")

    def kill(self) -> None:
        if not self._process:
            return
        pids = kill_tree(self._process.pid)
        self._process.wait()
        _wait_until_dead(pids)
        self._forget()

    def pause(self) -> None:
        freeze_tree(self._running().pid)

    def resume(self) -> None:
        signal_all(process_tree(self._running().pid), signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._watchdog.close()
        self._ports.release()

    def _running(self) -> subprocess.Popen[bytes]:
        if not self._process:
            raise RuntimeError(f"{self._program.name} is not running")
        return self._process

    def _forget(self) -> None:
        self._process = None
        self._watchdog.guard(folder=self.folder)

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return " | ".join(lines[-5:]) or "the log is empty"


def _wait_until_dead(pids: Sequence[int]) -> None:
    """Wait for a killed server's children. Their shared memory would block the next start."""
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{pids} survive SIGKILL")
        time.sleep(0.01)
