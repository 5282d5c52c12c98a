"""Print the README's settings table: `python -m tools.settings_table`."""

import sys
from dataclasses import fields

from entrypoints.settings import Settings


def settings_table() -> str:
    """Return all settings with their defaults and meanings, as a Markdown table."""
    rows = [_row(each.name.upper(), **each.metadata) for each in fields(Settings)]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows, ""])


def _row(name: str, *, default: str, meaning: str, **_: object) -> str:
    shown = f"`{default}`" if default else ""
    return f"| `{name}` | {shown} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
