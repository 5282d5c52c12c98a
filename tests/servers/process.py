"""A server that is a process of this machine."""

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
from tests.servers.watchdog import Watchdog, family, freeze, lives, signal_all, slay

#: Seconds after which it counts as never happening; a busy machine takes some.
START_WITHIN = 300.0
STOP_WITHIN = 120.0


class Program(Protocol):
    """What one server program has of its own. The first port is the one that clients use."""

    name: str
    ports: int
    stop_signal: signal.Signals
    account: pwd.struct_passwd | None

    def lay_out(self, folder: Path) -> None:
        """Make an empty folder what the program expects to find."""

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """The command that runs it in the foreground."""

    def answers(self, port: int) -> bool:
        """Whether it serves."""

    def url(self, port: int) -> str:
        """What a client is given."""


def open_to_others(path: Path) -> bool:
    """Whether any user of this machine can get to it."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def room_for(*, others: bool) -> Path:
    """Where temporary folders go; root may have a place for them that nobody else can enter."""
    usual = Path(tempfile.gettempdir())
    return usual if not others or open_to_others(usual) else Path("/var/tmp")  # noqa: S108


class Manner(TypedDict, total=False):
    """How a program is run: a part of what `subprocess` takes."""

    cwd: Path
    stdin: int
    env: dict[str, str]
    start_new_session: bool
    user: int
    group: int
    extra_groups: list[int]


def running_as(account: pwd.struct_passwd | None, folder: Path) -> Manner:
    """How a program is started: in its folder, in a session of its own, as `account` if need be."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    manner: Manner = {
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "env": inherited | {"HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"},
        "start_new_session": True,
    }
    if account:
        manner |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return manner


def do(command: Sequence[str], *, within: float = START_WITHIN, **manner: Unpack[Manner]) -> None:
    """Run a command that prepares something; that it fails is the reason why there is no server."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, timeout=within, check=False, text=True, capture_output=True, **manner
        )
    except subprocess.TimeoutExpired as slow:
        raise Unavailable(f"{name} took over {within:.0f} s") from slow
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        complaint = next((line for line in lines if "error" in line.lower()), "it does not say why")
        raise Unavailable(f"{name} failed: {complaint}")


class LocalServer:
    """A `Server` run from a program on this machine."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._ports = Ports(program.ports)
        room = room_for(others=program.account is not None)
        self.folder = Path(tempfile.mkdtemp(prefix=f"orders-{program.name}-", dir=room))
        self._log = self.folder / "log"
        self._watchdog = Watchdog()
        self._watchdog.guard(folder=self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._program.url(self._ports.numbers[0])

    @property
    def pid(self) -> int | None:
        """The process that listens, or None while there is none."""
        return self._process.pid if self._process else None

    def start(self, *, empty: bool = False) -> None:
        if self._process:
            raise RuntimeError("it runs already")
        data = self.folder / "data"
        if empty:
            shutil.rmtree(data, ignore_errors=True)
        if not data.exists():
            self._lay_out(data)
        self._process = self._spawn(data)
        self._watchdog.guard(pid=self._process.pid, folder=self.folder)
        self._wait_until_it_serves(self._process)

    def _lay_out(self, data: Path) -> None:
        data.mkdir(mode=0o700)
        if account := self._program.account:
            for folder in (self.folder, data):
                os.chown(folder, account.pw_uid, account.pw_gid)
        self._program.lay_out(data)

    def _spawn(self, data: Path) -> subprocess.Popen[bytes]:
        command = self._program.command(data, self._ports.numbers)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, **running_as(self._program.account, data)
            )

    def _wait_until_it_serves(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_WITHIN
        while not self._program.answers(self._ports.numbers[0]):
            if process.poll() is not None or time.monotonic() > deadline:
                reason = f"{self._program.name} did not start: {self._last_words()}"
                self.kill()
                raise Unavailable(reason)
            time.sleep(0.02)

    def stop(self) -> None:
        if not self._process:
            return
        self.resume()
        self._process.send_signal(self._program.stop_signal)
        try:
            code = self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._forget()
        if code not in {0, 128 + self._program.stop_signal}:
            raise RuntimeError(f"{self._program.name} ended with {code}: {self._last_words()}")

    def kill(self) -> None:
        if not self._process:
            return
        pids = slay(self._process.pid)
        self._process.wait()
        _await_the_end_of(pids)
        self._forget()

    def pause(self) -> None:
        freeze(self._running().pid)

    def resume(self) -> None:
        signal_all(family(self._running().pid), signal.SIGCONT)

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

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return " | ".join(lines[-5:]) or "it said nothing"


def _await_the_end_of(pids: Sequence[int]) -> None:
    """Wait for the orphans of a killed parent: their shared memory would keep its heir out."""
    deadline = time.monotonic() + STOP_WITHIN
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{pids} survive SIGKILL")
        time.sleep(0.01)
