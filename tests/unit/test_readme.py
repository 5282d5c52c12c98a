"""The README, compared with the service."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from domain.order.status import TRANSITIONS
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.settings import Settings, load_settings
from tools.settings_table import settings_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_table_of_settings_has_every_setting_of_the_service() -> None:
    assert settings_table() in README


def test_the_picture_of_the_lifecycle_is_the_transition_table() -> None:
    picture = re.search(r"stateDiagram-v2\n(.*?)```", README, re.DOTALL)
    assert picture is not None
    drawn = set(re.findall(r"(\w+) --> (\w+)", picture[1]))
    assert drawn == {(str(a), str(b)) for a, after in TRANSITIONS.items() for b in after}


def test_the_error_example_has_the_title_in_the_catalogue() -> None:
    titles = {row.code: row.title for row in CATALOGUE}
    examples = re.findall(r'^\{"type":"/problems/.*$', README, re.MULTILINE)
    assert examples
    for example in map(json.loads, examples):
        assert example["title"] == titles[example["code"]]


def test_the_example_environment_names_every_setting_with_its_default() -> None:
    lines = re.findall(r"^#([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    named = dict(lines)
    for each in fields(Settings):
        assert named.get(each.name.upper()) == each.metadata["default"], each.name


def test_the_example_environment_with_everything_uncommented_is_read() -> None:
    lines = re.findall(r"^#([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert load_settings(dict(lines)) == load_settings({})


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_both_readmes_begin_with_the_two_commands(readme: str) -> None:
    text = (ROOT / readme).read_text()
    assert "make run" in text
    assert "make test" in text


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_every_relative_link_leads_to_a_file(readme: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / readme).read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
