"""Whether the committed documents are those that the code makes: `python -m tools.check_generated`.

A document that is not there yet is not asked for.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ORDERS: Final = str(Path(sys.executable).with_name("orders"))
PYTHON: Final = str(Path(sys.executable).with_name("python"))

#: Each document, and the command that prints it.
DOCUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "docs/openapi.json": (ORDERS, "openapi"),
    "docs/asyncapi.json": (ORDERS, "asyncapi"),
    "docs/errors.md": (PYTHON, "-m", "tools.errors_page"),
}


def drifted(documents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """How to refresh each of the documents that is not what its command prints.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    for path, command in documents.items():
        if Path(path).exists() and Path(path).read_bytes() != _printed(command):
            renewing = " ".join((f".venv/bin/{Path(command[0]).name}", *command[1:]))
            yield f"{path} is out of date: {renewing} > {path}"


def _printed(command: tuple[str, ...]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - the table's


def main() -> None:
    """Print nothing and exit 0, or every document that drifted and 1."""
    if errors := list(drifted(DOCUMENTS)):
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
