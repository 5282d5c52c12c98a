"""A process that outlives its owner by a moment, and leaves nothing of what the owner started.

It is run by path, with nothing but the standard library, and reads lines from its owner: each is
all there is to clear away at present. When the pipe ends, however the owner ended, it clears.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


class Watchdog:
    """The owner's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner
        )

    def guard(
        self, *, pid: int | None = None, folder: Path | None = None, container: str | None = None
    ) -> None:
        """From now on, clear away this, and no longer what was named before."""
        line = {"pid": pid, "folder": str(folder) if folder else None, "container": container}
        if self._process.stdin:
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Send it home: all is cleared away already."""
        with suppress(BrokenPipeError):
            self.guard()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def family(pid: int) -> list[int]:
    """The process and all its descendants, the eldest first.

    PostgreSQL gives every backend a session of its own, so that no process group reaches them all.
    """
    children = defaultdict(list)
    for child, parent in _parents():
        children[parent].append(child)
    return list(_descent(pid, children))


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent; slim images have no `ps`, macOS has no `/proc`."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            # The name, in parentheses, may hold anything; after it come the state and the parent.
            yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
    if not Path("/proc").exists():
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        for line in listing.stdout.splitlines():
            child, parent = line.split()
            yield int(child), int(parent)


def _descent(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _descent(child, children)


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each that still lives."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def lives(pid: int) -> bool:
    """Whether it is there, and no zombie: those hold nothing, and a poor init never reaps them."""
    with suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def freeze(pid: int) -> list[int]:
    """Stop a process and its family; stopped first, it has no more children."""
    signal_all([pid], signal.SIGSTOP)
    pids = family(pid)
    signal_all(pids, signal.SIGSTOP)
    return pids


def slay(pid: int) -> list[int]:
    """Kill a process and its family, and say who they were."""
    pids = freeze(pid)
    signal_all(pids, signal.SIGKILL)
    return pids


def _remove(folder: str) -> None:
    """Remove a folder that the dying may still write to."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            return
        time.sleep(0.1)


def _remove_container(name: str) -> None:
    # Only where there are containers is there need of it.
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415

    with suppress(docker.errors.NotFound):
        docker.from_env().containers.get(name).remove(force=True, v=True)


def _main() -> None:
    last = "{}"
    for line in sys.stdin:
        last = line
    left = json.loads(last)
    if left.get("pid"):
        slay(left["pid"])
    if left.get("folder"):
        _remove(left["folder"])
    if left.get("container"):
        _remove_container(left["container"])


if __name__ == "__main__":
    _main()
