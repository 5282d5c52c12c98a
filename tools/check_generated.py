"""Check that the generated documents are up to date: `python -m tools.check_generated`.

Documents that don't exist are skipped.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ORDERS: Final = str(Path(sys.executable).with_name("orders"))
PYTHON: Final = str(Path(sys.executable).with_name("python"))

#: The documents and the commands that print them.
DOCUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "docs/openapi.json": (ORDERS, "openapi"),
    "docs/asyncapi.json": (ORDERS, "asyncapi"),
    "docs/errors.md": (PYTHON, "-m", "tools.errors_page"),
    "docs/authorisation.md": (PYTHON, "-m", "tests.e2e.authorisation_table"),
}


def outdated(documents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield a line for each outdated document, including the command to update it.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    for path, command in documents.items():
        if Path(path).exists() and Path(path).read_bytes() != _printed(command):
            renewing = " ".join((f".venv/bin/{Path(command[0]).name}", *command[1:]))
            yield f"{path} is out of date: {renewing} > {path}"


def _printed(command: tuple[str, ...]) -> bytes:
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - from DOCUMENTS
    return done.stdout


def main() -> None:
    """Exit with 1 and a list of the outdated documents, if there are any."""
    if errors := list(outdated(DOCUMENTS)):
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
