"""Server processes of the bench's own: started, waited for, stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.servers.ports import HOST, Ports
from tools.bench.errors import BenchError

#: Only what a program needs: no setting of another service may reach these.
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_START_WITHIN: Final = 60.0
_STOP_WITHIN: Final = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server under measurement."""

    url: str
    pid: int


@contextmanager
def serving(
    command: Sequence[str | Path], folder: Path, log: Path, settings: Mapping[str, str]
) -> Iterator[Running]:
    """Run a server until the end of the block, its output in `log`.

    `{port}` in the command and in the settings stands for a port of its own.

    Raises:
        BenchError: it does not come up.
    """
    ports = Ports(1)
    port = str(ports.numbers[0])
    environment = program_environment()
    environment |= {name: value.replace("{port}", port) for name, value in settings.items()}
    words = [str(word).replace("{port}", port) for word in command]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        running = Running(f"http://{HOST}:{port}", process.pid)
        _wait_until_it_serves(process, running.url, log)
        yield running
    finally:
        _stop(process)
        ports.release()


def program_environment() -> dict[str, str]:
    """The environment of a program that is told everything else."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _wait_until_it_serves(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            httpx.get(url, trust_env=False, timeout=2)
            return
        time.sleep(0.05)
    last = " | ".join(log.read_text(errors="replace").splitlines()[-5:])
    raise BenchError(f"{log.stem} did not start: {last or 'it said nothing'}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def resident_mib(pid: int) -> float | None:
    """The memory that a process holds, or None where the system does not say it in `/proc`."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024
