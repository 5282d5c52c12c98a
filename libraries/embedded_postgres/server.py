"""Start the server process, or adopt it if it is already running, and stop it cleanly."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libraries.embedded_postgres.cluster import ensure_cluster, refuse_other_version
from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained
from libraries.embedded_postgres.file_lock import FileLock
from libraries.embedded_postgres.layout import Layout
from libraries.embedded_postgres.programs import ensure_copied
from libraries.embedded_postgres.sockets import (
    PORT,
    is_listening,
    is_private,
    is_replying,
    make_private,
    socket_in,
)
from libraries.embedded_postgres.subprocesses import run_on, tail, wait_for
from libraries.embedded_postgres.wait_until import in_thread, wait_until

#: Most of this may be spent on crash recovery.
_START_SECONDS: Final = 60.0
#: These two add up to less than the 15 s that the service has for its shutdown.
_FAST_STOP_SECONDS: Final = 8.0
_IMMEDIATE_STOP_SECONDS: Final = 4.0
_MAX_LOG_BYTES: Final = 10_000_000

#: Passed on the command line, where they override the cluster's configuration files. This includes
#: durability. DETAIL and STATEMENT lines are not logged because they may contain users' data.
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "48MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """The contents of `postmaster.pid`, which are only valid while the server is running."""

    pid: int
    socket: Path | None
    ready: bool


class EmbeddedServer:
    """A layout's server. Callers must hold the layout's control lock.

    All PostgreSQL processes inherit a lock. If it is free, all of them have ended. Process ids
    can't be used for this because the system reuses them.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._log_begins = 0
        self._name = f"PostgreSQL on {layout.cluster}"

    async def ensure_running(self) -> None:
        """Start or adopt the server, and return once it accepts connections.

        Raises:
            EmbeddedPostgresError: the server does not start, or a previous one does not end.
        """
        with FileLock(self._layout.lock("server")) as life:
            if await self._is_there(life):
                return
            await self._start(life)
        await self._until_ready()

    async def stop(self) -> None:
        """Stop the server in fast mode, which is clean. Use immediate mode if that takes too long.

        Raises:
            EmbeddedPostgresError: the server does not stop.
        """
        with FileLock(self._layout.lock("server")) as life:
            for how, within in (
                (signal.SIGINT, _FAST_STOP_SECONDS),
                (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS),
            ):
                if await self._ends(how, life, within):
                    await in_thread(wait_for, self._name, 1.0)
                    self._remove_outer_folder()
                    return
        raise self._stuck("does not stop")

    async def _is_there(self, life: FileLock) -> bool:
        """Return whether a server is running. If not, take the lock `life`.

        A postmaster that has just been killed may keep its socket for a moment, but won't reply.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + _START_SECONDS
        while clock() < deadline:
            await wait_until(lambda: self._answers() or life.take(), deadline - clock())
            if life.held:
                return False
            if await in_thread(is_replying, self._layout.socket, 1.0):
                return True
        raise self._stuck("neither takes connections nor ends")

    def _answers(self) -> bool:
        layout, found = self._layout, _read(self._layout.cluster)
        if found is None or not found.ready or not is_private(layout.sockets, layout.owner):
            return False
        return is_listening(layout.socket)

    async def _start(self, life: FileLock) -> None:
        layout = self._layout
        refuse_other_version(layout.cluster)
        self._remove_leftovers()
        make_private(layout.sockets, layout.owner, layout.user.gid if layout.user else os.getegid())
        if layout.copied:
            await in_thread(ensure_copied, layout.package)
        await in_thread(ensure_cluster, layout, life.descriptor)
        await in_thread(self._launch, life.descriptor)

    def _launch(self, life: int) -> None:
        layout = self._layout
        quoted = str(layout.sockets).replace('"', '""')
        settings = _SETTINGS | {"unix_socket_directories": f'"{quoted}"'}
        options = ["-D", str(layout.cluster), *(f"--{k}={v}" for k, v in settings.items())]
        postgres = layout.program("postgres")
        log = _open_log(layout.log)
        self._log_begins = os.fstat(log).st_size
        try:
            run_on(layout.user, postgres, *options, inherited=[life], output=log, name=self._name)
        finally:
            os.close(log)

    async def _until_ready(self) -> None:
        with FileLock(self._layout.lock("server")) as life:
            ended = await wait_until(lambda: self._answers() or life.take(), _START_SECONDS)
            if life.held or not ended:
                raise EmbeddedPostgresError(
                    f"PostgreSQL {'did not start' if ended else 'is not ready yet'}; its log "
                    f"({self._layout.log}) ends: {tail(self._log_of_this_start())}"
                )

    def _remove_leftovers(self) -> None:
        """Remove a dead server's files, because another program may have its process id now.

        Since the caller holds the server's lock, this service's own server can't be running. One
        that was started manually is detected by its socket.
        """
        found = _read(self._layout.cluster)
        if found and found.socket and is_listening(found.socket):
            raise EmbeddedPostgresError(
                f"A PostgreSQL that this service did not start (process {found.pid}) is using "
                f"{self._layout.cluster}: stop it first."
            )
        socket = self._layout.socket
        with explained(f"remove what a killed server left in {self._layout.home}"):
            for left in (self._layout.cluster / "postmaster.pid", socket, Path(f"{socket}.lock")):
                left.unlink(missing_ok=True)

    async def _ends(self, how: signal.Signals, life: FileLock, within: float) -> bool:
        """Send the signal as soon as the server can receive it, and wait for its last process."""
        sent = False

        def ended() -> bool:
            nonlocal sent
            sent = sent or self._send(how)
            return life.take()

        return await wait_until(ended, within)

    def _send(self, how: signal.Signals) -> bool:
        """Send a signal to the server, but only if the process id is certain to be the server's."""
        found = _read(self._layout.cluster)
        if found is None or not is_listening(self._layout.socket):
            return False
        with suppress(ProcessLookupError):
            os.kill(found.pid, how)
        return True

    def _remove_outer_folder(self) -> None:
        folder = self._layout.sockets
        if self._layout.home not in folder.parents:
            with suppress(OSError):
                folder.rmdir()

    def _log_of_this_start(self) -> str:
        try:
            output = self._layout.log.read_bytes()[self._log_begins :]
        except OSError:
            return ""
        return output[-4000:].decode("utf-8", "replace")

    def _stuck(self, problem: str) -> EmbeddedPostgresError:
        found = _read(self._layout.cluster)
        process = f" (process {found.pid})" if found else ""
        return EmbeddedPostgresError(
            f"The PostgreSQL{process} on {self._layout.cluster} {problem}; its log "
            f"({self._layout.log}) ends: {tail(self._log_of_this_start())}"
        )


def _read(cluster: Path) -> _Postmaster | None:
    """Read `postmaster.pid`. Return None if it is missing or incomplete."""
    try:
        lines = os.fsdecode((cluster / "postmaster.pid").read_bytes()).split("\n")
        socket = socket_in(Path(lines[4])) if lines[4] else None
        return _Postmaster(int(lines[0]), socket, lines[7].strip() == "ready")
    except (OSError, ValueError, IndexError):
        return None


def _open_log(path: Path) -> int:
    """Open the log for appending. If it has become too long, move it to `.log.1` first."""
    with explained(f"write the log {path}"):
        if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)
