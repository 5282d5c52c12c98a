"""The application never mentions the technology around it."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TECHNOLOGY: Final = re.compile(r"kafka|cloudevents|\bce_|partition|\betag\b|x-cache", re.IGNORECASE)


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "application").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_module_of_the_application_names_no_technology(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    assert [f"{number}: {line}" for number, line in lines if TECHNOLOGY.search(line)] == []
