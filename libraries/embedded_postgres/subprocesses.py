"""Running a program as the server's user, cleanly apart from the service."""

import os
import subprocess
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained

#: Passed on because programs may not start without them. Nothing else is: the service's secrets
#: are none of the server's business, and libpq's PG* settings would lead its programs astray.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: What an operator can mend, however many lines PostgreSQL says after it.
_CAUSES: Final = {
    "No space left on device": "no space left on the device",
    "Disk quota exceeded": "the disk quota is used up",
    "Read-only file system": "the file system is read-only",
    "Permission denied": "a permission is missing",
}


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Whom the server runs as, where that is somebody else than the service."""

    name: str
    uid: int
    gid: int


def run(
    user: ServerUser | None,
    *command: str | Path,
    typed: str = "",
    inherited: Collection[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end; blocking, so call it in a thread.

    asyncio's own subprocesses are no help here: uvloop's know no `user`.

    Args:
        user: whom to run it as; None = ourselves.
        command: the program, by its full path, and its arguments.
        typed: its standard input.
        inherited: file descriptors it shall keep open.

    Raises:
        EmbeddedPostgresError: the program could not be run at all.
    """
    with _started(user, command, inherited, subprocess.PIPE, subprocess.PIPE) as process:
        output, _ = process.communicate(typed)
    return subprocess.CompletedProcess(command, process.returncode, output)


def run_on(
    user: ServerUser | None,
    *command: str | Path,
    inherited: Collection[int],
    output: int,
    name: str,
) -> None:
    """Leave `command` running, in a session of its own, for longer than we live perhaps.

    A thread of this `name` ends when the command does: it takes the exit status, so that no
    defunct process stays behind whoever stops the command.

    Raises:
        EmbeddedPostgresError: the program could not be run at all.
    """
    process = _started(user, command, inherited, subprocess.DEVNULL, output)
    threading.Thread(target=process.wait, name=name, daemon=True).start()


def wait_for(name: str, within: float) -> None:
    """Wait up to so many seconds for what this process left running under that name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(within)


def run_or_refuse(
    user: ServerUser | None, *command: str | Path, typed: str = "", inherited: Collection[int] = ()
) -> None:
    """Run `command` to its end, which must be a good one.

    Raises:
        EmbeddedPostgresError: it could not be run, or failed; with its last words.
    """
    done = run(user, *command, typed=typed, inherited=inherited)
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"PostgreSQL's {Path(command[0]).name} failed (exit code {done.returncode}): "
            f"{tail(done.stdout)}"
        )


def tail(text: str) -> str:
    """What a program's output says, as one line: the cause where it is a known one, and the end."""
    known = [f"{said}; " for words, said in _CAUSES.items() if words in text]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(known) + (" | ".join(lines[-4:]) or "it said nothing")


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
            start_new_session=True,  # a Ctrl-C on the terminal is the service's alone
            cwd="/",  # ours may be closed to the server's user
            env=_environment(),
            umask=0o077,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
