"""Run programs as the server's user, isolated from the service."""

import os
import subprocess
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained

#: Inherited because programs may not start without them. All other variables are removed: the
#: server shouldn't see the service's secrets, and the PG* variables would affect its programs.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: Causes that an operator can fix. Reported first because PostgreSQL may print a lot after them.
_CAUSES: Final = {
    "No space left on device": "no space left on the device",
    "Disk quota exceeded": "the disk quota is used up",
    "Read-only file system": "the file system is read-only",
    "Permission denied": "a permission is missing",
}


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that the server runs as if it is not the service's user."""

    name: str
    uid: int
    gid: int


def run(
    user: ServerUser | None,
    *command: str | Path,
    stdin: str = "",
    inherited: Collection[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `command` until it exits. This blocks, so call it in a thread.

    asyncio's subprocesses are not an option because uvloop's don't support `user`.

    Args:
        user: the user to run it as, or None for this process's user.
        command: the program's full path and its arguments.
        stdin: the text for its standard input.
        inherited: file descriptors to pass on.

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
    """Start `command` in its own session. It may outlive this process.

    A thread called `name` waits for the command and reaps it, because otherwise it would become a
    zombie.

    Raises:
        EmbeddedPostgresError: the program could not be started.
    """
    process = _started(user, command, inherited, subprocess.DEVNULL, output)
    threading.Thread(target=process.wait, name=name, daemon=True).start()


def wait_for(name: str, within: float) -> None:
    """Wait up to `within` seconds for the command that `run_on` started under this name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(within)


def run_or_refuse(
    user: ServerUser | None, *command: str | Path, stdin: str = "", inherited: Collection[int] = ()
) -> None:
    """Run `command` until it exits, and check that its exit status is 0.

    Raises:
        EmbeddedPostgresError: it could not be started or it failed. If it failed, the message
            includes the end of its output.
    """
    done = run(user, *command, stdin=stdin, inherited=inherited)
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"PostgreSQL's {Path(command[0]).name} failed (exit code {done.returncode}): "
            f"{tail(done.stdout)}"
        )


def tail(text: str) -> str:
    """Return the end of a program's output as a single line, preceded by the cause if known."""
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
        return subprocess.Popen(  # noqa: S603 - the arguments are not passed through a shell
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=tuple(inherited),
            start_new_session=True,  # Ctrl-C in the terminal must only reach the service
            cwd="/",  # the server's user may not have access to the current one
            env=_environment(),
            umask=0o077,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
