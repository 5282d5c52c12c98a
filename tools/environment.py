"""Brings .venv to what the locks say. Run by `environment.sh`, before anything is installed.

A copy of every file that was carried out lies in .venv, and the name of its folder as the last of
them: without that an installation was interrupted, and it begins again from nothing.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

VENV: Final = Path(".venv")
PLACE: Final = VENV / "place"
RUNTIME: Final = "requirements.lock"
DEV: Final = "requirements-dev.lock"
PROJECT: Final = "pyproject.toml"

#: Every lock holds all of those before it.
LOCKS: Final = {"runtime": (RUNTIME,), "dev": (RUNTIME, DEV)}

#: The locks are complete: there is nothing to resolve, or to ask.
PIP_OPTIONS: Final = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps")
UV_OPTIONS: Final = ("--quiet", "--no-deps", "--compile-bytecode")


def main(level: str) -> None:
    """Install what `level`, a key of `LOCKS`, still lacks; exit 1 with one sentence on failure."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    try:
        with _alone():
            _bring_up(LOCKS[level])
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError:
        sys.exit("The environment in .venv could not be made; the reason stands above.")


def _bring_up(locks: tuple[str, ...]) -> None:
    if not _is_sound():
        _say("Making .venv with Python {}.{}.".format(*sys.version_info))
        pip = ("--without-pip",) if _uv() else ()
        _run(sys.executable, "-I", "-m", "venv", "--clear", *pip, str(VENV))
    PLACE.unlink(missing_ok=True)
    if not all(map(_is_done, locks)):
        _say("Installing the locked dependencies; this takes a minute, once.")
        _install("--require-hashes", "--requirement", locks[-1])
        _done(*locks)
    if not _is_done(PROJECT):
        _install("--no-build-isolation", "--editable", ".")
        _done(PROJECT)
    PLACE.write_text(f"{Path.cwd()}\n", encoding="utf-8")


def _is_sound() -> bool:
    """Whether .venv was finished, in this folder, and holds nothing that a lock no longer says."""
    if not (VENV / "bin/python").exists() or not PLACE.exists():
        return False
    if PLACE.read_text(encoding="utf-8").rstrip("\n") != str(Path.cwd()):
        return False
    return all(_is_done(lock) for lock in (RUNTIME, DEV) if (VENV / lock).exists())


def _is_done(name: str) -> bool:
    copy = VENV / name
    return copy.exists() and copy.read_bytes() == Path(name).read_bytes()


def _done(*names: str) -> None:
    for name in names:
        shutil.copyfile(name, VENV / name)


def _install(*what: str) -> None:
    """Install by uv if there is one, else by pip: from the same lock, with the same hashes."""
    python = str(VENV / "bin/python")
    if uv := _uv():
        try:
            _run(uv, "pip", "install", "--python", python, *UV_OPTIONS, *what)
        except subprocess.CalledProcessError:
            # It has settings and an index of its own, which may not fit this machine.
            _say("uv could not install them; trying pip.")
        else:
            return
    if not any(VENV.glob("lib/python*/site-packages/pip")):
        _run(python, "-I", "-m", "ensurepip", "--default-pip")
    _run(python, "-I", "-m", "pip", "install", *PIP_OPTIONS, *what)


def _uv() -> str | None:
    return shutil.which("uv")


def _run(*command: str) -> None:
    # In a group of its own: venv and pip start others, and all of them end where this one must.
    # Should it be killed outright, they go on, and with its lock, so that nobody cuts in.
    with subprocess.Popen(  # noqa: S603 - our own words
        command, stdin=subprocess.DEVNULL, process_group=0, close_fds=False
    ) as child:
        try:
            code = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    if code:
        raise subprocess.CalledProcessError(code, command)


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time, though `make run` and `make test` start together."""
    with Path(RUNTIME).open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fcntl.fcntl(lock, fcntl.F_SETFD, 0)  # what is run here inherits it
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _terminated(number: int, _: object) -> NoReturn:
    # As an exception, so that the pip under way is ended too.
    sys.exit(128 + number)


if __name__ == "__main__":
    main(sys.argv[1])
