"""What every test has."""

from typing import Final

import pytest

pytest_plugins = ["tests.servers.plugin", "tests.support.deadlines", "tests.support.postgres"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


#: What takes longest begins first, so that no worker is left alone with it at the end.
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
    """Put the slowest files first, and leave everything else in its order."""
    items.sort(key=lambda item: item.path.stem not in _SLOWEST)
