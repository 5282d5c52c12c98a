"""Everything that the operations manual mentions exists."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

from adapters.kafka.partitions import PARTITIONS
from application.delivery.topics import NEW_ORDER
from entrypoints.cli.main import app
from entrypoints.settings import Settings

ROOT: Final = Path(__file__).parents[2]
MANUAL: Final = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
SETTINGS: Final = {each.name.upper() for each in fields(Settings)}


def test_every_metric_of_the_manual_is_in_the_table_of_metrics() -> None:
    named = set(re.findall(r"\borders_[a-z_]+", MANUAL))
    table = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert named
    assert {metric for metric in named if f"`{metric}`" not in table} == set()


def test_every_command_of_the_manual_exists() -> None:
    named = {
        tuple(words.split()) for words in re.findall(r"`orders ([a-z-]+(?: [a-z][a-z-]*)?)", MANUAL)
    }
    assert named
    for words in named:
        command = app
        for word in words:
            command = command[word]  # raises a KeyError if it does not exist


def test_every_setting_of_the_manual_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", MANUAL))
    assert len(named) > 10
    assert named <= SETTINGS


def test_the_manual_has_the_number_of_consumers_that_can_share_the_work() -> None:
    assert f"up to **{PARTITIONS[NEW_ORDER]}**, the partitions of `{NEW_ORDER}`" in MANUAL


def test_every_link_of_the_manual_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", MANUAL)
    assert links
    assert all((ROOT / "docs" / link).exists() for link in links)
