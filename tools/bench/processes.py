"""Start the benchmark's server processes, wait for them and stop them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.servers.ports import HOST, Ports
from tools.bench.errors import BenchError

#: The variables that all programs need. Others aren't inherited because they may be settings that
#: are meant for another service.
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_START_TIMEOUT_SECONDS: Final = 60.0
_STOP_TIMEOUT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """A running server."""

    url: str
    pid: int


@contextmanager
def serving(
    command: Sequence[str | Path], folder: Path, log: Path, settings: Mapping[str, str]
) -> Iterator[Running]:
    """Run a server until the end of the block, with its output redirected to `log`.

    Replaces `{port}` in the command and the settings with a reserved port.

    Raises:
        BenchError: the server does not start.
    """
    ports = Ports(1)
    port = str(ports.numbers[0])
    environment = program_environment()
    environment |= {name: value.replace("{port}", port) for name, value in settings.items()}
    words = [str(word).replace("{port}", port) for word in command]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        running = Running(f"http://{HOST}:{port}", process.pid)
        _wait_until_ready(process, running.url, log)
        yield running
    finally:
        _stop(process)
        ports.release()


def exit_on_sigterm() -> None:
    """Turn SIGTERM into an exit that stops the servers first, like Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def program_environment() -> dict[str, str]:
    """Return the environment for a program, without any settings."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            httpx.get(url, trust_env=False, timeout=2)
            return
        time.sleep(0.05)
    last = " | ".join(log.read_text(errors="replace").splitlines()[-5:])
    raise BenchError(f"{log.stem} did not start: {last or 'its log is empty'}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def resident_mib(pid: int) -> float | None:
    """Return how much memory a process uses, or None if the system doesn't have `/proc`."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024
