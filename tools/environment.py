"""Update .venv to match the locks. `environment.sh` runs this before anything is installed.

.venv contains a copy of each file that was used for the installation. Its own path is written last,
so if the path is missing, the installation was interrupted and has to start from the beginning.
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

#: The locks for each level. The last one includes all others.
LOCKS: Final = {"runtime": (RUNTIME,), "dev": (RUNTIME, DEV)}

#: Since the locks are complete, the installer doesn't have to resolve dependencies or prompt.
PIP_OPTIONS: Final = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps")
UV_OPTIONS: Final = ("--quiet", "--no-deps", "--compile-bytecode")


def main(level: str) -> None:
    """Install everything missing for `level`, a key of `LOCKS`. Exit with a message on failure."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    try:
        with _locked():
            _update(LOCKS[level])
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError:
        sys.exit("The environment in .venv could not be made; see the error above.")


def _update(locks: tuple[str, ...]) -> None:
    if not _is_valid():
        _log("Making .venv with Python {}.{}.".format(*sys.version_info))
        pip = ("--without-pip",) if _uv() else ()
        _run(sys.executable, "-I", "-m", "venv", "--clear", *pip, str(VENV))
    PLACE.unlink(missing_ok=True)
    if not all(map(_is_done, locks)):
        _log("Installing the locked dependencies; this takes a minute, once.")
        _install("--require-hashes", "--requirement", locks[-1])
        _mark_done(*locks)
    if not _is_done(PROJECT):
        _install("--no-build-isolation", "--editable", ".")
        _mark_done(PROJECT)
    PLACE.write_text(f"{Path.cwd()}\n", encoding="utf-8")


def _is_valid() -> bool:
    """Return whether .venv is complete, belongs to this folder and has up-to-date locks."""
    if not (VENV / "bin/python").exists() or not PLACE.exists():
        return False
    if PLACE.read_text(encoding="utf-8").rstrip("\n") != str(Path.cwd()):
        return False
    return all(_is_done(lock) for lock in (RUNTIME, DEV) if (VENV / lock).exists())


def _is_done(name: str) -> bool:
    copy = VENV / name
    return copy.exists() and copy.read_bytes() == Path(name).read_bytes()


def _mark_done(*names: str) -> None:
    for name in names:
        shutil.copyfile(name, VENV / name)


def _install(*arguments: str) -> None:
    """Install with uv if available, and otherwise with pip. Both use the same lock and hashes."""
    python = str(VENV / "bin/python")
    if uv := _uv():
        try:
            _run(uv, "pip", "install", "--python", python, *UV_OPTIONS, *arguments)
        except subprocess.CalledProcessError:
            # uv has its own settings and index, and these may not work on this machine.
            _log("uv could not install them; trying pip.")
        else:
            return
    if not any(VENV.glob("lib/python*/site-packages/pip")):
        _run(python, "-I", "-m", "ensurepip", "--default-pip")
    _run(python, "-I", "-m", "pip", "install", *PIP_OPTIONS, *arguments)


def _uv() -> str | None:
    return shutil.which("uv")


def _run(*command: str) -> None:
    # venv and pip start child processes. These are in one process group, so they can be ended
    # together. If this process is killed, they keep running and hold its lock.
    with subprocess.Popen(  # noqa: S603 - a fixed command
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
def _locked() -> Iterator[None]:
    """Hold the lock, because `make run` and `make test` may be started at the same time."""
    with Path(RUNTIME).open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fcntl.fcntl(lock, fcntl.F_SETFD, 0)  # child processes inherit the lock
        yield


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _exit_on_signal(number: int, _: object) -> NoReturn:
    # The exception also ends a running pip.
    sys.exit(128 + number)


if __name__ == "__main__":
    main(sys.argv[1])
