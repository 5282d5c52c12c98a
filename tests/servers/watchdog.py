"""Clean up after another process, the owner, no matter how it has ended.

The watchdog is run by path and only uses the standard library. Its owner sends lines over a pipe.
The last line lists everything to clean up, which happens when the pipe is closed.
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
    """The owner's side of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C should only reach the owner
        )

    def guard(
        self, *, pid: int | None = None, folder: Path | None = None, container: str | None = None
    ) -> None:
        """Replace the list of things to clean up."""
        line = {"pid": pid, "folder": str(folder) if folder else None, "container": container}
        if self._process.stdin:
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End the watchdog because its owner has already cleaned up."""
        with suppress(BrokenPipeError):
            self.guard()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def process_tree(pid: int) -> list[int]:
    """Return the process and all its descendants, parents first.

    A process group isn't enough, because PostgreSQL runs every backend in its own session.
    """
    children = defaultdict(list)
    for child, parent in _parents():
        children[parent].append(child)
    return list(_descent(pid, children))


def _parents() -> Iterator[tuple[int, int]]:
    """Yield processes with their parents. Slim images have no `ps`, and macOS has no `/proc`."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended in the meantime
            # The name is in parentheses and can contain any character. State and parent come next.
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
    """Send a signal to all processes that still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def is_alive(pid: int) -> bool:
    """Return whether the process exists. Zombies don't count because some are never reaped."""
    with suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def freeze_tree(pid: int) -> list[int]:
    """Stop a process first, to keep it from starting more children, and then its descendants."""
    signal_all([pid], signal.SIGSTOP)
    pids = process_tree(pid)
    signal_all(pids, signal.SIGSTOP)
    return pids


def kill_tree(pid: int) -> list[int]:
    """Kill a process and its descendants, and return their ids."""
    pids = freeze_tree(pid)
    signal_all(pids, signal.SIGKILL)
    return pids


def _remove(folder: str) -> None:
    """Remove a folder, even if processes that are ending still write to it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            return
        time.sleep(0.1)


def _remove_container(name: str) -> None:
    # Import lazily because only runs with containers need it, and it may not be installed.
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415

    with suppress(docker.errors.NotFound):
        docker.from_env().containers.get(name).remove(force=True, v=True)


def _main() -> None:
    last = "{}"
    for line in sys.stdin:
        last = line
    left = json.loads(last)
    if left.get("pid"):
        kill_tree(left["pid"])
    if left.get("folder"):
        _remove(left["folder"])
    if left.get("container"):
        _remove_container(left["container"])


if __name__ == "__main__":
    _main()
