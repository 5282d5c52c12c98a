"""Code examples from the README."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """Return the README section with this heading."""
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def code(title: str, language: str) -> str:
    """Return the section's first code block in this language."""
    found = re.search(rf"```{language}\n(.*?)```", section(title), re.DOTALL)
    assert found
    return found[1]
