"""Programs that run as the server's user, isolated from the service."""

import os
import subprocess
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained

#: Inherited, because programs may not start without them. No other variable is: the server must not
#: see the service's secrets, and libpq's PG* variables would change its programs.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: Causes that an operator can remove, even if PostgreSQL prints many lines after them.
_CAUSES: Final = {
    "No space left on device": "no space left on the device",
    "Disk quota exceeded": "the disk quota is used up",
    "Read-only file system": "the file system is read-only",
    "Permission denied": "a permission is missing",
}


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that the server runs as, if it is not the user of the service."""

    name: str
    uid: int
    gid: int


def run(
    user: ServerUser | None,
    *command: str | Path,
    stdin: str = "",
    inherited: Collection[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end; blocks, so call it in a thread.

    asyncio's subprocesses are not used: uvloop's have no `user`.

    Args:
        user: the user to run it as; None = the user of this process.
        command: the program, by its full path, and its arguments.
        stdin: its standard input.
        inherited: file descriptors that it keeps open.

    Raises:
        EmbeddedPostgresError: the program could not be started.
    """
    with _started(user, command, inherited, subprocess.PIPE, subprocess.PIPE) as process:
        output, _ = process.communicate(stdin)
    return subprocess.CompletedProcess(command, process.returncode, output)


def run_on(
    user: ServerUser | None,
    *command: str | Path,
    inherited: Collection[int],
    output: int,
    name: str,
) -> None:
    """Start `command` in a session of its own; it may outlive this process.

    A thread with this `name` waits for the command and collects its exit status, so that no zombie
    stays behind.

    Raises:
        EmbeddedPostgresError: the program could not be started.
    """
    process = _started(user, command, inherited, subprocess.DEVNULL, output)
    threading.Thread(target=process.wait, name=name, daemon=True).start()


def wait_for(name: str, within: float) -> None:
    """Wait `within` seconds at most for the command that `run_on` started with this name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(within)


def run_or_refuse(
    user: ServerUser | None, *command: str | Path, stdin: str = "", inherited: Collection[int] = ()
) -> None:
    """Run `command` to its end; its exit status must be 0.

    Raises:
        EmbeddedPostgresError: it could not be started, or failed; with the tail of its output.
    """
    done = run(user, *command, stdin=stdin, inherited=inherited)
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"PostgreSQL's {Path(command[0]).name} failed (exit code {done.returncode}): "
            f"{tail(done.stdout)}"
        )


def tail(text: str) -> str:
    """Return the end of a program's output as one line, after its cause if that is a known one."""
    causes = [f"{cause}; " for words, cause in _CAUSES.items() if words in text]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(causes) + (" | ".join(lines[-4:]) or "it said nothing")


def _started(
    user: ServerUser | None,
    command: tuple[str | Path, ...],
    inherited: Collection[int],
    stdin: int,
    stdout: int,
) -> subprocess.Popen[str]:
    with explained(f"run {command[0]}"):
        return subprocess.Popen(  # noqa: S603 - no shell reads what is passed here
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=tuple(inherited),
            start_new_session=True,  # Ctrl-C on the terminal reaches the service alone
            cwd="/",  # the server's user may not enter the present one
            env=_environment(),
            umask=0o077,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
