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
    "pydantic",
    "rich",
    "sqlalchemy",
    "taskiq",
    "uvicorn",
}
PROVIDERS = (
    "entrypoints.composition.providers.kafka",
    "entrypoints.composition.providers.redis",
)
#: Nothing listens on these addresses.
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/orders",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "JWT_SECRET_KEY": "a key of thirty-two bytes or more",
}
MAKE = """
import asyncio
from entrypoints.composition.startup import build_container
from entrypoints.settings import load_settings
from {module} import {name}

async def make():
    container = build_container(load_settings({settings}))
    await container.get({name})
    await container.close()

asyncio.run(make())
"""


def imported(*modules: str, code: str = "") -> set[str]:
    """Return which of the large libraries are imported with these modules, and PyJWT by ours."""
    code = f"""
import sys, {", ".join(modules)}
from adapters.security.pyjwt import pyjwt
pyjwt(asymmetric=False)
{code}
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return LARGE & set(done.stdout.split())


@pytest.mark.parametrize("command", ["relay", "consume", "users", "clients", "rehearse"])
def test_a_role_or_command_imports_no_large_library(command: str) -> None:
    assert imported(f"entrypoints.cli.{command}", *PROVIDERS) == set()


def test_the_api_only_imports_its_framework() -> None:
    assert imported("entrypoints.cli.serve", *PROVIDERS) == {"litestar", "uvicorn"}


def test_help_imports_no_adapter() -> None:
    assert imported("entrypoints.cli.main") == set()


@pytest.mark.parametrize(
    ("command", "use_case", "libraries"),
    [
        ("relay", "application.delivery.relay_outbox.RelayOutbox", set()),
        ("serve", "application.orders.change_status.ChangeStatus", {"litestar", "uvicorn"}),
        ("serve", "entrypoints.observability.readiness.Readiness", {"litestar", "uvicorn"}),
        ("audit", "application.delivery.audit_broker.AuditBroker", {"rich"}),
        # They use the task queue.
        ("consume", "application.delivery.hand_over_order.HandOverOrder", {"taskiq", "pydantic"}),
        ("work", "entrypoints.composition.task_broker.TaskBroker", {"taskiq", "pydantic"}),
    ],
)
def test_only_processes_with_tasks_import_taskiq(
    command: str, use_case: str, libraries: set[str]
) -> None:
    module, _, name = use_case.rpartition(".")
    make = MAKE.format(module=module, name=name, settings=NOWHERE)
    assert imported(f"entrypoints.cli.{command}", code=make) == libraries


def test_dishka_still_knows_generic_types() -> None:
    """Its module for types runs as it is, only with an empty pydantic."""
    code = """
from typing import Generic, TypeVar
import entrypoints, dishka, pydantic
from dishka._adaptix.type_tools import fundamentals
T = TypeVar("T")
class Box(Generic[T]): pass
print(fundamentals.strip_alias(Box[int]) is Box, fundamentals.get_generic_args(Box[int]) == (int,),
      fundamentals.get_type_vars(Box) == (T,), fundamentals.is_pydantic_class(Box),
      hasattr(pydantic, "Field"))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "True", "False", "True"]
