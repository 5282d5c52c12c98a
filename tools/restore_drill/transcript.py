"""The transcript in `docs/operations.md`, which the drill prints."""

import sys

from rich.console import Console

_console = Console(highlight=False, soft_wrap=True, markup=False)


def print_step(title: str) -> None:
    """Print the heading of a step."""
    _console.print(f"\n# {title}")


def print_line(text: str) -> None:
    """Print a line as it is."""
    _console.print(text)


def ensure(condition: bool) -> None:  # noqa: FBT001 - an assertion that -O keeps
    """Exit with 1 if the output differs from the manual."""
    if not condition:
        sys.exit("restore_drill: the output differs from docs/operations.md")
