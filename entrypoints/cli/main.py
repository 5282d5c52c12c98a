"""The `orders` command, with a table of its subcommands and its exit statuses."""

import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Final, Literal

from cyclopts import App

from domain.errors import OrderServiceError
from entrypoints.cli.standard_streams import discard_output, open_standard_streams
from entrypoints.composition.errors import CannotStart, Misconfigured
from entrypoints.settings import BadSettings

#: sysexits.h: something was found in an unconfigured or misconfigured state.
EX_CONFIG: Final = 78
#: The exit statuses of a program killed by a signal (POSIX.1, "Exit Status for Commands").
_EX_SIGINT: Final = 128 + signal.SIGINT
_EX_SIGPIPE: Final = 128 + signal.SIGPIPE

app = App(
    name="orders",
    help="The order service: accounts, orders, their events and their processing.",
    version=lambda: version("order-management-service"),
    version_flags=["--version"],
)
app.register_install_completion_command(add_to_startup=False, show=False)
app.command(App(name="users", help="Create, list and change accounts."))
app.command(App(name="clients", help="Create, list and revoke machine clients."))
app.command(App(name="outbox", help="Unpublished events, and replays of published ones."))
app.command(App(name="dlq", help="Dead letters: list and replay messages that failed."))

#: Every command with its path, its function and its line of help, which is also the first line of
#: its docstring. cyclopts doesn't import the function until the command runs. This way,
#: `orders --help` takes 0.3 s of CPU time and 35 MiB. It took 1.7 s and 96 MiB when every command
#: was imported.
COMMANDS: Final = (
    ("serve", "serve:serve", "Serve the HTTP API and every role without its own process."),
    ("relay", "relay:relay", "Publish the events of the outbox on Kafka."),
    ("consume", "consume:consume", "Consume events from Kafka: all consumers, or one."),
    ("work", "work:work", "Process orders from the task queue; requeue stalled ones."),
    ("migrate", "migrate:migrate", "Bring the schema to its newest revision; safe in N replicas."),
    ("audit", "audit:audit", "Find lost, duplicated and stuck orders; exit 1 for any."),
    ("outbox status", "outbox:status", "Print the unpublished events, their age and last error."),
    ("outbox replay", "outbox:replay", "Publish events again, or retry parked ones."),
    ("dlq list", "dlq:show", "List the dead letters with their reasons and attempts."),
    ("dlq replay", "dlq:replay", "Publish the messages of dead letters again, unchanged."),
    (
        "rehearse",
        "rehearse:rehearse",
        "Publish duplicates, replays and gaps, for testing a consumer.",
    ),
    ("openapi", "documents:openapi", "Print the OpenAPI document of the HTTP API."),
    ("asyncapi", "documents:asyncapi", "Print the AsyncAPI document of the events on Kafka."),
    ("users create", "users:create", "Create an account; the password prompt has no echo."),
    ("users list", "users:show", "List accounts, the oldest first."),
    ("users grant-role", "users:grant_role", "Change the role of an account: user or staff."),
    ("users disable", "users:disable", "Disable an account: no login; its orders stay."),
    ("users enable", "users:enable", "Enable a disabled account."),
    (
        "users set-password",
        "users:set_password",
        "Replace an account's password; the prompt has no echo.",
    ),
    ("users end-sessions", "users:end_sessions", "End all sessions of an account."),
    ("clients create", "clients:create", "Create a machine client; its secret is printed once."),
    ("clients list", "clients:show", "List machine clients, the oldest first."),
    ("clients revoke", "clients:revoke", "Revoke a machine client and its tokens."),
)

for _path, _function, _line in COMMANDS:
    *_groups, _name = _path.split()
    _group = app[_groups[0]] if _groups else app
    _group.command(f"entrypoints.cli.{_function}", name=_name, help=_line)


@app.command
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    Parameters
    ----------
    shell
        The shell; the README shows how to install the script.
    """
    sys.stdout.write(app.generate_completion(prog_name="orders", shell=shell))


def main() -> None:
    """Run the command line. Expected errors are printed as a message without a traceback."""
    open_standard_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (BadSettings, Misconfigured) as error:
        sys.exit(_refused(error, EX_CONFIG))
    except (CannotStart, OrderServiceError) as error:
        sys.exit(_refused(error, 1))
    except KeyboardInterrupt:
        sys.exit(_EX_SIGINT)
    except BrokenPipeError:  # for example, `orders … | head`
        discard_output()
        sys.exit(_EX_SIGPIPE)


def _refused(error: Exception, status: int) -> int:
    """Print the error to standard error, if that is open, and return the exit status."""
    with suppress(OSError):
        sys.stderr.write(f"orders: {error}\n")
        sys.stderr.flush()
    return status
