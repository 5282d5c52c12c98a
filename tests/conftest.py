"""Fixtures and options for all tests."""

import os
from typing import Final

import jwt  # noqa: F401 - with cryptography, so that there is only one copy (see `pyjwt.py`)
import pytest

pytest_plugins = ["tests.servers.plugin", "tests.support.deadlines", "tests.support.postgres"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`. Many tests wait, so it's more than the cores."""
    return min((os.cpu_count() or 1) + 1, 4)


#: Files with the longest tests. They start first: at the end, the other workers would sit idle.
_SLOWEST: Final = (
    "test_two_of_each",
    "test_backing_services",
    "test_stops_and_kills",
    "test_schemathesis",
    "test_task_queue",
    "test_eight_combinations",
    "test_kafka_outages",
    "test_servers",
    "test_docs_page",
    "test_one_model",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the slowest files to the front. The others keep their order."""
    items.sort(key=lambda item: item.path.stem not in _SLOWEST)
