"""Copies of the project, on which mutations are applied."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.mutants.mutation import ROOT

#: Longer than the slowest tests in the table take on a busy machine.
TIMEOUT_SECONDS: Final = 600


@contextmanager
def copied_project() -> Iterator[Path]:
    """Copy all files that Git tracks or would track to a temporary folder."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - fixed
    with TemporaryDirectory(prefix="mutant-") as folder:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Path(folder)


def run_python(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with the sources below `root`, and return its output.

    Raises:
        TimeoutExpired: it took longer than `TIMEOUT_SECONDS`.
    """
    return subprocess.run(  # noqa: S603 - only contains our own constants
        [sys.executable, *words],
        cwd=root,
        # PYTHONPATH comes before the editable installation, which is the unchanged project.
        env=os.environ | {"PYTHONPATH": str(root), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
