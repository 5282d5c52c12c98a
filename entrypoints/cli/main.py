"""The `orders` command: what it knows, and what it exits with."""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import uvloop
from cyclopts import App, Parameter

from domain.actor import Role
from domain.errors import OrderServiceError
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.logs import configure_logs
from entrypoints.settings import BadSettings, Settings, load_settings

#: sysexits.h: something was found in an unconfigured or misconfigured state.
EX_CONFIG: Final = 78

app = App(
    name="orders",
    help="The order service: accounts, orders, their events and their processing.",
    version_flags=[],
)
users = App(name="users", help="The operator's work on accounts.")
outbox = App(name="outbox", help="What waits for the broker; publishing it once more.")
dlq = App(name="dlq", help="Dead letters: what was given up, and putting it back.")
for group in (users, outbox, dlq):
    app.command(group)


@app.command
def serve() -> None:
    """Serve the HTTP API and every role without its own process."""
    from entrypoints.cli.serve import serve as run  # noqa: PLC0415 - `--help` need not load it

    settings = _settings()
    if settings.workers > 1:
        from entrypoints.cli.workers import serve_with_workers  # noqa: PLC0415 - as above

        sys.exit(serve_with_workers(settings))
    _run(run(settings))


@app.command
def relay() -> None:
    """Publish what the outbox holds on Kafka."""
    _run_role("relay")


@app.command
def consume() -> None:
    """Hand each new order from Kafka to the task queue."""
    _run_role("consume")


@app.command
def work() -> None:
    """Process orders from the task queue; requeue stalled ones."""
    _run_role("work")


@app.command
def migrate(*, check: bool = False) -> None:
    """Bring the schema to its newest revision; safe in N replicas.

    Parameters
    ----------
    check
        Change nothing; exit with 1 where the schema is behind.
    """
    from entrypoints.cli.migrate import migrate as run  # noqa: PLC0415 - as above

    _run(run(_settings(), check=check))


@app.command
def audit(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Find what was lost, duplicated or stuck; exit 1 for any.

    Parameters
    ----------
    json
        Print a JSON object instead of a line.
    """
    from entrypoints.cli.audit import audit as run  # noqa: PLC0415 - as above

    _run(run(_settings(), as_json=json))


@outbox.command
def status() -> None:
    """Print what is unpublished, its age, and its last error."""
    from entrypoints.cli.outbox import status as run  # noqa: PLC0415 - as above

    _run(run(_settings()))


@outbox.command(name="replay")
def replay_outbox(
    order_id: UUID | None = None,
    /,
    *,
    all_since: datetime | None = None,
    parked: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Publish events again, or put parked ones back.

    Parameters
    ----------
    order_id
        The order whose published events go out again, and whose parked events are put back.
    all_since
        Everything that was first published at this moment (ISO 8601; UTC unless it says otherwise)
        or later goes out again, after all events that were not published yet.
    parked
        Every event that was parked because the broker refused it too often is put back.
    """
    from entrypoints.cli.outbox import replay as run  # noqa: PLC0415 - as above

    _run(run(_settings(), order_id, all_since, parked=parked))


@dlq.command(name="list")
def list_letters(*, limit: int = 100) -> None:
    """List the dead letters that wait, with reason and attempts.

    Parameters
    ----------
    limit
        How many to list.
    """
    from entrypoints.cli.dlq import show as run  # noqa: PLC0415 - as above

    _run(run(_settings(), limit))


@dlq.command(name="replay")
def replay_letters(
    *letter_ids: UUID, everything: Annotated[bool, Parameter(name="--all", negative="")] = False
) -> None:
    """Put dead letters back: publish their messages as they came.

    Parameters
    ----------
    letter_ids
        The letters, by the ids that `orders dlq list` prints.
    everything
        All that wait now.
    """
    from entrypoints.cli.dlq import replay as run  # noqa: PLC0415 - as above

    _run(run(_settings(), letter_ids, everything=everything))


@app.command
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    from entrypoints.http.openapi import document_text  # noqa: PLC0415 - as above

    sys.stdout.write(document_text())


@app.command
def asyncapi() -> None:
    """Print the AsyncAPI document of the events on Kafka."""
    from entrypoints.asyncapi.document import document_text  # noqa: PLC0415 - as above

    sys.stdout.write(document_text())


@users.command
def create(
    email: str,
    *,
    role: Role = Role.USER,
    password_stdin: Annotated[bool, Parameter(negative="", required=True)],
) -> None:
    """Open an account; the password comes from standard input.

    Parameters
    ----------
    email
        The account's address.
    role
        What the account is for.
    password_stdin
        Read the password from standard input: there it is in no list of processes.
    """
    from entrypoints.cli.users import create as run  # noqa: PLC0415 - as above

    del password_stdin  # there is no other way
    _run(run(_settings(), email, role, sys.stdin.readline().rstrip("\r\n")))


@users.command(name="grant-role")
def grant_role(email: str, *, role: Role) -> None:
    """Make an account staff's, or a user's again.

    Parameters
    ----------
    email
        The account's address.
    role
        What the account is for from now on.
    """
    from entrypoints.cli.users import grant_role as run  # noqa: PLC0415 - as above

    _run(run(_settings(), email, role))


@users.command
def disable(email: str) -> None:
    """Let nobody in with an account any more; its orders stay.

    Parameters
    ----------
    email
        The account's address.
    """
    from entrypoints.cli.users import disable as run  # noqa: PLC0415 - as above

    _run(run(_settings(), email))


def _run_role(name: str) -> None:
    from entrypoints.cli.role import run_role  # noqa: PLC0415 - as above

    _run(run_role(_settings(), name))


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


def _run(command: Coroutine[None, None, int]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(command))


def main() -> None:
    """Run the command line; a refusal is one message, never a traceback."""
    try:
        app()
    except (BadSettings, Misconfigured) as error:
        sys.exit(_say(error, EX_CONFIG))
    except (CannotStart, OrderServiceError) as error:
        sys.exit(_say(error, 1))


def _say(error: Exception, status: int) -> int:
    sys.stderr.write(f"orders: {error}\n")
    return status
