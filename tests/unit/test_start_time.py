"""Processes import only what they need. Most of the time of a short command is spent on imports."""

import subprocess
import sys
from typing import Final

#: A command with external servers, up to the connections.
_IMPORT: Final = """
import sys
import entrypoints.composition.startup
import entrypoints.composition.providers.kafka
import entrypoints.composition.providers.redis
print(*{"alembic", "cyclopts", "litestar", "sqlalchemy", "uvicorn"} & sys.modules.keys())
"""


def test_a_command_imports_no_web_framework_and_no_migrations() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
