"""The output of the commands that list something."""

import sys
from collections.abc import Sequence


def print_list(lines: Sequence[str], limit: int, if_empty: str) -> None:
    """Print up to `limit` lines, and whether there are more.

    One line above the limit shows that there are more; it is not printed.
    """
    for line in lines[:limit] or [if_empty]:
        sys.stdout.write(f"{line}\n")
    if len(lines) > limit:
        sys.stdout.write(f"There are more than these {limit}: use a greater --limit.\n")
