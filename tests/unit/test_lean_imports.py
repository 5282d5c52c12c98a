"""Processes don't import large libraries that they don't use."""

import subprocess
import sys

import pytest

LARGE = {
    "aiohttp",
    "alembic",
    "cryptography.hazmat",
    "email_validator",
    "litestar",
    "rich",
    "sqlalchemy",
}
PROVIDERS = (
    "entrypoints.composition.providers.kafka",
    "entrypoints.composition.providers.redis",
)


def imported(*modules: str) -> set[str]:
    """Return which of the large libraries are imported with these modules, and PyJWT by ours."""
    code = f"""
import sys, {", ".join(modules)}
from adapters.security.pyjwt import pyjwt
pyjwt(asymmetric=False)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return LARGE & set(done.stdout.split())


@pytest.mark.parametrize("command", ["relay", "consume", "work", "users", "clients", "rehearse"])
def test_a_role_or_command_imports_no_large_library(command: str) -> None:
    assert imported(f"entrypoints.cli.{command}", *PROVIDERS) == set()


def test_the_api_only_imports_its_framework() -> None:
    assert imported("entrypoints.cli.serve", *PROVIDERS) == {"litestar"}


def test_help_imports_no_adapter() -> None:
    assert imported("entrypoints.cli.main") == set()
