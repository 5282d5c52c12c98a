import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest
from packaging.requirements import Requirement

from tools import check_generated, check_locks, environment
from tools.check_locks import Lock, Pin, mismatches, read_lock, requirements, unhashed, unmet

ROOT: Final = Path(__file__).parents[2]
SH: Final = shutil.which("sh") or "/bin/sh"
HASH: Final = f"    --hash=sha256:{'0' * 64}"

USABLE: Final = "exit 0"
UNUSABLE: Final = "exit 1"


def run(*command: str | Path, cwd: Path = ROOT, path: str | None = None) -> CompletedProcess[str]:
    env = dict(os.environ) if path is None else {"PATH": path}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{SH}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


# --- The Makefile


def test_make_prints_help_that_lists_every_target() -> None:
    shown = run("make", "--no-print-directory")
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert targets
    listed = [line.split()[1] for line in shown.stdout.splitlines()]
    assert listed == targets[1].split()
    assert set(listed) >= {"run", "dev", "test", "check", "demo", "bench", "lock", "clean", "help"}


def test_tools_need_no_bash_and_no_absolute_path() -> None:
    for script in ROOT.glob("tools/*.sh"):
        assert script.read_text().startswith("#!/bin/sh\n")
        assert run(SH, "-n", script).returncode == 0
        assert str(Path.home()) not in script.read_text()


def test_ci_runs_only_the_checks_and_the_tests() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert [line for line in script.splitlines() if line.startswith("make")] == [
        "make check",
        "make test",
    ]
    assert os.access(ROOT / ".ci/run", os.X_OK)


# --- Choosing a Python


def find_python(*folders: Path) -> CompletedProcess[str]:
    return run(SH, "tools/python.sh", path=":".join(map(str, folders)))


def test_the_newest_python_on_the_path_is_used(tmp_path: Path) -> None:
    executable(tmp_path / "a/python3.11", USABLE)
    executable(tmp_path / "a/python3", USABLE)
    newest = executable(tmp_path / "b c/python3.13", USABLE)
    assert find_python(tmp_path / "a", tmp_path / "b c").stdout == f"{newest}\n"


def test_a_python_without_venv_and_a_shim_are_skipped(
    tmp_path: Path,
) -> None:
    executable(tmp_path / "shims/python3.14", UNUSABLE)
    executable(tmp_path / "shims/python3.12", "exit 127")
    real = executable(tmp_path / "bin/python3.12", USABLE)
    assert find_python(tmp_path / "shims", tmp_path / "bin").stdout == f"{real}\n"


def test_an_unnumbered_python_is_the_last_resort(tmp_path: Path) -> None:
    only = executable(tmp_path / "python3", USABLE)
    assert find_python(tmp_path).stdout == f"{only}\n"


def test_the_running_python_is_found_usable(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    assert find_python(tmp_path).stdout == f"{tmp_path / 'python3'}\n"


@pytest.mark.parametrize("script", [None, UNUSABLE])
def test_a_missing_python_is_reported_in_one_sentence(tmp_path: Path, script: str | None) -> None:
    if script:
        executable(tmp_path / "python3.12", script)
    done = find_python(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "install" in done.stderr
    assert "3.11 to 3.14" in done.stderr


def test_the_supported_python_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11,<3.15"
    assert "(3, 11) <= sys.version_info[:2] < (3, 15)" in (ROOT / "tools/python.sh").read_text()


# --- The environment


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout in a folder with a space in its name. Commands are only recorded."""
    root = tmp_path / "a checkout"
    (root / "tools").mkdir(parents=True)
    for name in ("environment.sh", "environment.py", "python.sh"):
        shutil.copy(ROOT / "tools" / name, root / "tools")
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (root / name).write_text(name)
    monkeypatch.chdir(root)
    monkeypatch.setattr(environment, "_run", lambda *command: record(root, *command))
    monkeypatch.setattr(environment, "_uv", lambda: None)
    return root


def record(root: Path, *command: str) -> None:
    with (root / "orders").open("a") as orders:
        orders.write(f"{command[-1]}\n")
    if command[-1] == ".venv":
        shutil.rmtree(root / ".venv", ignore_errors=True)
        executable(root / ".venv/bin/python", USABLE)
        if "--without-pip" not in command:
            (root / ".venv/lib/python3/site-packages/pip").mkdir(parents=True)


def recorded(checkout: Path) -> list[str]:
    orders = checkout / "orders"
    lines = orders.read_text().splitlines() if orders.exists() else []
    orders.unlink(missing_ok=True)
    return lines


def is_fresh(checkout: Path, level: str) -> bool:
    """Return whether the shell's fast path is enough. The slow path cannot find a Python."""
    tools = ":".join({str(Path(shutil.which(name) or "").parent) for name in ("cmp", "cat")})
    (checkout / "tools/python.sh").write_text("exit 9")
    done = run(SH, "tools/environment.sh", level, cwd=checkout, path=tools)
    assert done.returncode in {0, 9}
    return done.returncode == 0


def test_an_environment_is_made_once_and_then_only_compared(checkout: Path) -> None:
    assert not is_fresh(checkout, "runtime")
    environment.main("runtime")
    assert recorded(checkout) == [".venv", "requirements.lock", "."]
    assert is_fresh(checkout, "runtime")
    environment.main("runtime")
    assert recorded(checkout) == []


def test_test_packages_are_added_to_the_runtime_packages(checkout: Path) -> None:
    environment.main("runtime")
    recorded(checkout)
    assert not is_fresh(checkout, "dev")
    environment.main("dev")
    assert recorded(checkout) == ["requirements-dev.lock"]
    assert is_fresh(checkout, "dev")
    assert is_fresh(checkout, "runtime")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_changed_lock_is_installed_from_scratch(checkout: Path, lock: str) -> None:
    environment.main("dev")
    recorded(checkout)
    (checkout / lock).write_text("changed")
    assert not is_fresh(checkout, "dev")
    environment.main("dev")
    assert recorded(checkout) == [".venv", "requirements-dev.lock", "."]


def test_a_changed_project_file_installs_the_project_alone(checkout: Path) -> None:
    environment.main("dev")
    recorded(checkout)
    (checkout / "pyproject.toml").write_text("changed")
    assert not is_fresh(checkout, "runtime")
    environment.main("runtime")
    assert recorded(checkout) == ["."]


def test_a_moved_checkout_is_installed_from_scratch(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.main("runtime")
    moved = checkout.rename(checkout.with_name("moved"))
    monkeypatch.chdir(moved)
    monkeypatch.setattr(environment, "_run", lambda *command: record(moved, *command))
    recorded(moved)
    assert not is_fresh(moved, "runtime")
    environment.main("runtime")
    assert recorded(moved) == [".venv", "requirements.lock", "."]


@pytest.mark.parametrize("step", ["requirements-dev.lock", "."])
def test_an_interrupted_installation_starts_from_scratch(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*command: str) -> None:
        if command[-1] == step:
            raise KeyboardInterrupt
        record(checkout, *command)

    with monkeypatch.context() as patch:
        patch.setattr(environment, "_run", interrupt)
        with pytest.raises(SystemExit) as ended:
            environment.main("dev")
    assert ended.value.code == 130
    assert not is_fresh(checkout, "dev")
    recorded(checkout)
    environment.main("dev")
    assert recorded(checkout) == [".venv", "requirements-dev.lock", "."]


def test_a_failed_installation_is_one_sentence_and_no_traceback(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*command: str) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(environment, "_run", fail)
    with pytest.raises(SystemExit, match="could not be made"):
        environment.main("runtime")
    assert not is_fresh(checkout, "runtime")


@pytest.fixture
def with_uv(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Pretend that uv is installed, and return the list of commands that are run."""
    commands: list[tuple[str, ...]] = []

    def listed(*command: str) -> None:
        commands.append(command)
        record(checkout, *command)

    monkeypatch.setattr(environment, "_run", listed)
    monkeypatch.setattr(environment, "_uv", lambda: "/bin/uv")
    return commands


def test_uv_installs_from_the_same_lock_with_its_hashes(
    checkout: Path, with_uv: list[tuple[str, ...]]
) -> None:
    environment.main("dev")
    assert recorded(checkout) == [".venv", "requirements-dev.lock", "."]
    assert [command[:3] for command in with_uv[1:]] == [("/bin/uv", "pip", "install")] * 2
    assert "--require-hashes" in with_uv[1]
    assert is_fresh(checkout, "dev")


def test_pip_installs_if_uv_fails(
    checkout: Path, with_uv: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_network(*command: str) -> None:
        if command[0] == "/bin/uv":
            raise subprocess.CalledProcessError(2, command)
        with_uv.append(command)
        record(checkout, *command)

    monkeypatch.setattr(environment, "_run", without_network)
    environment.main("runtime")
    assert [command[3] for command in with_uv[1:]] == ["ensurepip", "pip", "ensurepip", "pip"]
    assert is_fresh(checkout, "runtime")


def test_another_users_environment_is_rejected_in_one_sentence(checkout: Path) -> None:
    if os.geteuid():
        (checkout / ".venv").symlink_to("/")
    else:
        (checkout / ".venv").mkdir()
        os.chown(checkout / ".venv", 1, 1)
    for level in ("runtime", "dev"):
        refused = run(SH, "tools/environment.sh", level, cwd=checkout)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert len(refused.stderr.splitlines()) == 1
        assert refused.stderr.startswith(".venv belongs to the user ")


# --- The locks


def lock(name: str) -> Lock:
    return read_lock((ROOT / name).read_text())


def test_both_locks_are_up_to_date_and_consistent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    check_locks.main()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_address_and_no_path(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|\bfile:|--find-links|--index|/opt/|/root/|/tmp/", text)
    assert len(lock(name)) > 50


def test_a_lock_is_read_with_its_markers_and_its_hashes() -> None:
    text = f"# made by\nA_b==1.0 ; sys_platform == 'win32' \\\n{HASH} \\\n{HASH}\n    # via c\n"
    assert read_lock(text) == {"a-b": Pin("1.0", "sys_platform == 'win32'", 2)}


@pytest.mark.parametrize(
    "line", ["--index-url https://example.org/simple", "a @ https://example.org/a.whl", "a==1.0"]
)
def test_a_lock_with_an_address_or_an_unhashed_pin_is_rejected(line: str) -> None:
    with pytest.raises(ValueError, match="not a pin"):
        read_lock(line)


@pytest.mark.parametrize(
    ("pins", "error"),
    [
        ({}, "litestar is missing"),
        ({"litestar": Pin("2.24.9", None, 1)}, "litestar is 2.24.9, not ~=2.25"),
        ({"litestar": Pin("2.26.0", None, 1)}, None),
    ],
)
def test_an_unsatisfied_requirement_is_named(pins: Mapping[str, Pin], error: str | None) -> None:
    errors = list(unmet(iter([Requirement("litestar~=2.25")]), pins))
    assert errors == ([error] if error else [])


def test_missing_hashes_and_different_versions_are_named() -> None:
    one, two = Pin("1", None, 1), Pin("2", None, 0)
    assert list(unhashed({"a": one, "b": two})) == ["b has no hash"]
    assert list(mismatches({"a": one}, {"a": two})) == ["a differs from requirements.lock"]
    assert list(mismatches({"a": one}, {"a": one, "b": two})) == []


def test_a_group_includes_the_requirements_of_included_groups() -> None:
    project = {
        "project": {"dependencies": ["a"]},
        "build-system": {"requires": ["b"]},
        "dependency-groups": {"one": ["c"], "two": ["d", {"include-group": "one"}]},
    }
    assert [wanted.name for wanted in requirements(project, "two")] == ["a", "b", "d", "c"]


# --- The generated documents


def test_an_outdated_document_is_named_with_the_command_that_renews_it(tmp_path: Path) -> None:
    orders = executable(tmp_path / "orders", "echo '{}'")
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    same.write_text("{}\n")
    other.write_text("{ }\n")
    documents = {
        str(path): (str(orders), path.stem) for path in (same, other, tmp_path / "absent.json")
    }
    (error,) = check_generated.outdated(documents)
    assert error == f"{other} is out of date: .venv/bin/orders other > {other}"


# --- The example files


def test_the_example_settings_are_all_commented_out_and_named_once() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") for line in lines if line)
    names = [line[1:].partition("=")[0] for line in lines if re.match(r"#[A-Z_]+=", line)]
    assert len(names) == len(set(names)) > 30
