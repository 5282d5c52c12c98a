"""Files for forges, editors and contributors can be parsed, and everything they mention exists."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).parents[2]
YAML: Final = sorted([*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"])
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def parsed(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_every_yaml_file_parses(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_devcontainer_parses_and_makes_the_environment() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "sh tools/environment.sh dev"


def test_ci_runs_every_supported_python() -> None:
    job = parsed(".github/workflows/ci.yml")["jobs"]["test"]
    versions = [tuple(map(int, each.split("."))) for each in job["strategy"]["matrix"]["python"]]
    lowest, highest = re.findall(r"3\.(\d+)", PROJECT["project"]["requires-python"])
    assert versions == [(3, minor) for minor in range(int(lowest), int(highest))]
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"


def test_ci_audits_the_locked_dependencies() -> None:
    workflow = parsed(".github/workflows/audit.yml")
    assert {"push", "pull_request", "schedule"} <= workflow[True].keys()  # YAML 1.1 reads `on` so
    command = workflow["jobs"]["dependencies"]["steps"][-1]["run"].split()
    assert command[:2] == ["pipx", "run"]
    assert "--require-hashes" in command
    assert command[command.index("--requirement") + 1] == "requirements.lock"


def test_every_hook_runs_a_tool_of_the_lock() -> None:
    (repository,) = parsed(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/") or hook["id"] == "environment"


def test_the_changelog_has_the_released_version_and_a_section_for_the_next() -> None:
    headings = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings[:2] == ["Unreleased", PROJECT["project"]["version"]]


def documents() -> list[Path]:
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    return [ROOT / path for path in tracked if path] or sorted(ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_of_a_document_leads_to_a_file(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:adapters|application(?!/json)|docs|domain|entrypoints|libraries|tests|tools)/[\w./*-]*[\w/])\b(?!\+)",
        document.read_text(encoding="utf-8"),
    )
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("folder", ["docs", "docs/adr"])
def test_an_index_lists_every_document_of_its_folder(folder: str) -> None:
    index = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    others = {path.name for path in (ROOT / folder).glob("*.md")} - {"README.md"}
    assert {name for name in others if f"({name})" not in index} == set()
