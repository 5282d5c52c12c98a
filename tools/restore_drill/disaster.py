"""The backup, the loss of the database, and the restore."""

from urllib.parse import urlsplit

import redis

from tools.restore_drill.deployment import Deployment
from tools.restore_drill.transcript import print_line, print_step

_FILE = "orders.dump"


def back_up(deployment: Deployment) -> None:
    """Dump the database."""
    print_step("The backup")
    url = deployment.settings["DATABASE_URL"]
    file = deployment.api.data_dir / _FILE
    shown = f"--format=custom --file={_FILE} $DATABASE_URL"
    deployment.program("pg_dump", "--format=custom", f"--file={file}", url, shown=shown)


def lose_database(deployment: Deployment) -> None:
    """Kill PostgreSQL, delete its files, and stop every role."""
    print_step("PostgreSQL is killed and loses its disk; an empty server replaces it")
    deployment.postgres.kill()
    deployment.api.stop()
    deployment.stop("relay", "work")
    deployment.postgres.start(empty=True)


def restore_database(deployment: Deployment) -> None:
    """Restore the backup on the empty server."""
    url = urlsplit(deployment.settings["DATABASE_URL"])
    server = url._replace(path="/postgres").geturl()
    name = url.path.removeprefix("/")
    deployment.program("createdb", f"--maintenance-db={server}", name, shown="orders")
    deployment.program(
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        f"--dbname={url.geturl()}",
        str(deployment.api.data_dir / _FILE),
        shown=f"--exit-on-error --no-owner --dbname=$DATABASE_URL {_FILE}",
    )
    deployment.orders("migrate", "--check")
    deployment.orders("audit")


def empty_redis(deployment: Deployment) -> None:
    """Empty Redis while the API is stopped."""
    print_step("Redis is emptied, and the API is restarted")
    deployment.api.stop()
    print_line("$ redis-cli FLUSHDB")
    with redis.Redis.from_url(deployment.redis.url) as client:
        client.flushdb()
    deployment.api.start()


def restart_roles(deployment: Deployment) -> None:
    """Start the other roles, and wait until every order is processed."""
    print_step("The other roles are started")
    deployment.start("relay", "consume", "work")
    deployment.wait_until_processed()
    deployment.wait_until_published()
    deployment.orders("audit")
