"""What `orders --help` says."""

import os
import subprocess
import sys

import pytest

from entrypoints.cli.main import app

COMMANDS = {"serve", "relay", "consume", "work", "migrate", "audit", "outbox", "dlq", "users"}
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


@pytest.mark.parametrize("group", [(), ("users",), ("outbox",), ("dlq",)])
def test_help_lists_every_command_with_one_line_each(group: tuple[str, ...]) -> None:
    listed = [line.split()[0] for line in help_of(*group) if not line.startswith("--help")]
    commands = (app[group[0]] if group else app).resolved_commands()
    assert sorted(listed) == sorted(name for name in commands if not name.startswith("-"))
    if not group:
        assert set(listed) >= COMMANDS | {"openapi", "asyncapi"}
