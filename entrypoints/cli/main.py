"""The `orders` command: what it knows, and what it exits with."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Final, Literal
from uuid import UUID

import uvloop
from cyclopts import App, Parameter
from cyclopts.validators import Number

from domain.actor import Role
from domain.errors import OrderServiceError
from entrypoints.cli.standard_streams import discard_output, open_standard_streams
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.observability.logs import configure_logs, log_crashes
from entrypoints.settings import BadSettings, Settings, load_settings

#: sysexits.h: something was found in an unconfigured or misconfigured state.
EX_CONFIG: Final = 78
#: What a shell reports of a program that a signal ended (POSIX.1, "Exit Status for Commands").
_EX_SIGINT: Final = 128 + signal.SIGINT
_EX_SIGPIPE: Final = 128 + signal.SIGPIPE

#: Lines of a list: every one is read into memory before the first is printed.
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))]
PasswordFromStdin = Annotated[bool, Parameter(negative="")]

app = App(
    name="orders",
    help="The order service: accounts, orders, their events and their processing.",
    version=lambda: version("order-management-service"),
    version_flags=["--version"],
)
app.register_install_completion_command(add_to_startup=False, show=False)
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
def consume(name: str | None = None, /) -> None:
    """Consume events from Kafka: new orders, to process them.

    Parameters
    ----------
    name
        The only consumer to run; without a name every consumer that is on runs.
    """
    from entrypoints.cli.role import run_consumers  # noqa: PLC0415 - as above

    _run(run_consumers(_settings(), name))


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
        Change nothing; exit with 1 if the schema is behind, missing or not of this service.
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
def list_dead_letters(*, limit: Limit = 100) -> None:
    """List the dead letters that wait, with reason and attempts.

    Parameters
    ----------
    limit
        How many to list, from 1 to 10000.
    """
    from entrypoints.cli.dlq import show as run  # noqa: PLC0415 - as above

    _run(run(_settings(), limit))


@dlq.command(name="replay")
def replay_dead_letters(
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
    from entrypoints.http.openapi.document import document_text  # noqa: PLC0415 - as above
    from entrypoints.http.routes import ROUTES  # noqa: PLC0415 - as above

    sys.stdout.write(document_text(ROUTES))


@app.command
def asyncapi() -> None:
    """Print the AsyncAPI document of the events on Kafka."""
    from entrypoints.composition.events_document import asyncapi_text  # noqa: PLC0415 - as above

    sys.stdout.write(asyncapi_text())


@app.command
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    Parameters
    ----------
    shell
        The shell; see the README for what to do with the script.
    """
    sys.stdout.write(app.generate_completion(prog_name="orders", shell=shell))


@users.command
def create(
    email: str,
    *,
    role: Role = Role.USER,
    password_stdin: PasswordFromStdin = False,
) -> None:
    """Open an account; the password is typed without echo.

    Parameters
    ----------
    email
        The account's address.
    role
        What the account is for.
    password_stdin
        Read the password from standard input instead, one line of it.
    """
    from entrypoints.cli import users as commands  # noqa: PLC0415 - as above

    settings = _settings()
    registration = commands.read_registration(email, role, from_stdin=password_stdin)
    _run(commands.create(settings, registration))


@users.command(name="list")
def list_users(*, limit: Limit = 100) -> None:
    """List accounts, the oldest first.

    Parameters
    ----------
    limit
        How many to list, from 1 to 10000.
    """
    from entrypoints.cli.users import show as run  # noqa: PLC0415 - as above

    _run(run(_settings(), limit))


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


@users.command
def enable(email: str) -> None:
    """Let a disabled account in again.

    Parameters
    ----------
    email
        The account's address.
    """
    from entrypoints.cli.users import enable as run  # noqa: PLC0415 - as above

    _run(run(_settings(), email))


@users.command(name="set-password")
def set_password(email: str, *, password_stdin: PasswordFromStdin = False) -> None:
    """Replace an account's password, typed without echo.

    Parameters
    ----------
    email
        The account's address.
    password_stdin
        Read the password from standard input instead, one line of it.
    """
    from entrypoints.cli import users as commands  # noqa: PLC0415 - as above

    settings = _settings()
    password = commands.read_new_password(from_stdin=password_stdin)
    _run(commands.set_password(settings, email, password))


def _run_role(name: str) -> None:
    from entrypoints.cli.role import run_role  # noqa: PLC0415 - as above

    _run(run_role(_settings(), name))


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    log_crashes()
    return settings


def _run(command: Coroutine[None, None, int]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(command))


def main() -> None:
    """Run the command line; a refusal is one message, never a traceback."""
    open_standard_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (BadSettings, Misconfigured) as error:
        sys.exit(_say(error, EX_CONFIG))
    except (CannotStart, OrderServiceError) as error:
        sys.exit(_say(error, 1))
    except KeyboardInterrupt:
        sys.exit(_EX_SIGINT)
    except BrokenPipeError:  # `orders … | head`: the reader has enough
        discard_output()
        sys.exit(_EX_SIGPIPE)


def _say(error: Exception, status: int) -> int:
    with suppress(OSError):
        sys.stderr.write(f"orders: {error}\n")
        sys.stderr.flush()
    return status
