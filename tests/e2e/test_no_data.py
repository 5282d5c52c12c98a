"""Operator commands without data fail and create nothing."""

from pathlib import Path

import pytest

from tests.e2e.service import a_data_dir, a_service
from tests.servers.databases import create_database, drop_database, fetch_value
from tests.servers.plugin import Shared
from tests.support.postgres import beside

COMMANDS = (
    ("audit",),
    ("outbox", "status"),
    ("outbox", "replay", "--parked"),
    ("dlq", "list"),
    ("dlq", "replay", "--all"),
    ("users", "create", "ada@example.com", "--password-stdin"),
    ("users", "grant-role", "ada@example.com", "--role", "staff"),
    ("users", "disable", "ada@example.com"),
)


async def tables_in(url: str) -> int:
    return int(await fetch_value(url, "SELECT count(*) FROM pg_stat_user_tables"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_folder_without_data_is_refused_and_stays_empty(command: tuple[str, ...]) -> None:
    with a_data_dir() as folder, a_service(folder) as service:
        done = service.run(*command, stdin="correct horse battery")
        assert (done.returncode, done.stdout) == (78, ""), done.stderr
        assert done.stderr == (
            f"orders: There are no data in {folder}: set DATA_DIR to the folder of the service, or"
            " DATABASE_URL to its database.\n"
        )
        assert list(folder.iterdir()) == []


def test_check_of_a_missing_folder_exits_with_1_and_creates_nothing() -> None:
    with a_data_dir() as folder, a_service(folder) as service:
        missing = folder / "none"
        checked = service.run("migrate", "--check", DATA_DIR=str(missing))
        assert (checked.returncode, checked.stderr) == (1, "")
        assert checked.stdout.startswith(f"There are no data in {missing}: ")
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_database_without_a_schema_is_refused_and_stays_empty(
    command: tuple[str, ...], postgres_server: Shared, tmp_path: Path
) -> None:
    url = beside(create_database, postgres_server.url)
    settings = {"DATABASE_URL": url, "JWT_SECRET_KEY": "k" * 32}
    try:
        with a_service(tmp_path, **settings) as service:
            done = service.run(*command, stdin="correct horse battery")
        assert (done.returncode, done.stdout) == (78, ""), done.stderr
        assert done.stderr.splitlines()[-1] == (
            "orders: The database (DATABASE_URL) has no schema yet: run `orders migrate`."
        )
        assert beside(tables_in, url) == 0
    finally:
        beside(drop_database, postgres_server.url, url)
