"""The command line: help, options, and all states of the standard streams."""

import inspect
import os
import pty
import re
import signal
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from entrypoints.cli.main import COMMANDS as TABLE
from entrypoints.cli.main import app

ROOT: Final = Path(__file__).parents[2]
COMMANDS = {
    "serve",
    "relay",
    "consume",
    "work",
    "migrate",
    "audit",
    "outbox",
    "dlq",
    "rehearse",
    "users",
    "clients",
}
MAIN = "from entrypoints.cli.main import main; main()"


def help_of(*group: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *group, "--help"],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.strip("│ ") for line in done.stdout.splitlines() if line.startswith("│")]


@pytest.mark.parametrize("group", [(), ("users",), ("clients",), ("outbox",), ("dlq",)])
def test_help_lists_every_command_with_one_line_each(group: tuple[str, ...]) -> None:
    listed = [line.split()[0] for line in help_of(*group) if not line.startswith("--")]
    commands = (app[group[0]] if group else app).resolved_commands()
    assert sorted(listed) == sorted(name for name in commands if not name.startswith("-"))
    if not group:
        assert set(listed) >= COMMANDS | {"openapi", "asyncapi"}


@pytest.mark.parametrize("path", [path for path, _, _ in TABLE])
def test_docstring_of_a_command_begins_with_its_line_of_help(path: str) -> None:
    command: Any = app
    for name in path.split():
        command = command[name]
    docstring = inspect.getdoc(command.default_command) or ""
    assert docstring.splitlines()[0] == command.help


def orders(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL} | more
    return subprocess.run(
        [sys.executable, "-c", MAIN, *command], text=True, check=False, cwd="/", **given
    )


def test_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = orders("--version")
    assert (done.returncode, done.stdout) == (0, f"{project['version']}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_has_every_command(shell: str) -> None:
    script = orders("completion", shell).stdout
    assert set(re.findall(r"[\w-]+", script)) >= COMMANDS


def test_completion_script_is_valid_bash(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(orders("completion", "bash").stdout)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("command", [("dlq", "list"), ("users", "list"), ("clients", "list")])
@pytest.mark.parametrize("limit", ["0", "-1", "10001", "x"])
def test_invalid_limit_is_refused_before_the_storage_is_opened(
    command: tuple[str, str], limit: str
) -> None:
    done = orders(*command, "--limit", limit)
    assert done.returncode != 0
    assert "--limit" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [("users", "create", "ada@example.com"), ("users", "set-password", "ada@x.com")]
)
def test_password_needs_a_terminal_or_password_stdin(
    command: tuple[str, ...],
) -> None:
    done = orders(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "orders: There is no terminal to type the password on: pass --password-stdin.\n"
    )


def test_address_is_checked_before_the_password_prompt() -> None:
    done = orders("users", "create", "ada")
    assert done.stderr.startswith("orders: `EMAIL`: ")


@pytest.mark.parametrize("typed", [b"short\n", b"\n", b""])
def test_password_from_standard_input_is_checked(typed: bytes) -> None:
    done = orders(
        "users", "create", "a@b.com", "--password-stdin", stdin=None, input=typed.decode()
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("orders: `password`: must have ")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("pay ments", "--scope", "orders:read"), "`NAME`: must begin with"),
        (("payments",), "`--scope`: must be given. Known scopes: orders:read, orders:status."),
        (
            ("payments", "--scope", "orders:write"),
            "`--scope`: there is no scope 'orders:write'. Known scopes: orders:read, orders:st",
        ),
    ],
)
def test_name_and_scopes_of_a_client_are_checked(arguments: tuple[str, ...], fault: str) -> None:
    done = orders("clients", "create", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"orders: {fault}")


# --- A terminal

#: If a shell runs the tests in the background, it makes its children ignore SIGINT. Undo that.
OF_THIS_TERMINAL: Final = (
    "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " signal.signal(signal.SIGINT, signal.default_int_handler)"
)


def at_a_terminal(*typed: str) -> str:
    """Run `orders users create`, type these lines at its prompts, and return the output."""
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", f"{OF_THIS_TERMINAL}; {MAIN}", "users", "create", "ada@example.com"],
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown = b""
    lines = list(typed)
    with suppress(OSError):  # EIO if the child has ended
        while read := os.read(terminal, 4096):
            shown += read
            if lines and re.search(rb"(Password|Again): $", shown):
                os.write(terminal, f"{lines.pop(0)}\n".encode())
                shown += b"\n"
    child.wait()
    os.close(terminal)
    return shown.decode()


def test_password_prompt_repeats_without_echo() -> None:
    shown = at_a_terminal("correct horse", "another horse")
    assert "The two passwords differ." in shown
    assert "horse" not in shown


def test_ctrl_c_at_the_prompt_prints_no_traceback() -> None:
    assert "Traceback" not in at_a_terminal("\x03")


# --- Closed readers and closed streams


@pytest.mark.parametrize("command", [("openapi",), ("asyncapi",), ("--help",), ("--version",)])
def test_closed_reader_causes_no_traceback(command: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = orders(*command, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode in {1, 128 + signal.SIGPIPE}  # rich exits by itself, with 1


def test_exit_status_of_an_error_survives_a_closed_standard_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    env = os.environ | {"PORT": "http"}
    done = orders("audit", capture_output=False, stdout=writing, stderr=writing, env=env)
    os.close(writing)
    assert done.returncode == 78


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_commands_work_with_closed_standard_streams(closed: str, tmp_path: Path) -> None:
    script = f'exec "$0" -c "$1" asyncapi {closed}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, MAIN],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("{") == (">&-" not in closed.replace("2>&-", ""))
