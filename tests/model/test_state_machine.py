"""The use cases match the model, on the in-memory adapters and on PostgreSQL.

MODEL_EXAMPLES=N runs N random examples instead of the same few each time.
"""

import asyncio
import os
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.postgres.database import Database
from tests.model.account_rules import AccountRules
from tests.model.delivery_rules import ConsumerRules, RelayRules
from tests.model.machine import Environment
from tests.model.order_rules import OrderRules
from tests.servers.databases import create_database, drop_database
from tests.servers.plugin import Shared
from tests.support.adapters import Adapters, memory_adapters
from tests.support.postgres import adapters_over, beside, clear_tables
from tests.support.time import MovableClock

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

_STEPS: Final = 50


class OrderService(AccountRules, OrderRules, RelayRules, ConsumerRules):
    """All rules. New rules go into a mixin, which becomes a base class here."""


class InMemory:
    """An `Environment` with a new in-memory storage for each example."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def new_adapters(self) -> Adapters:
        return memory_adapters(MovableClock(datetime.now(UTC)))


class OnPostgres(InMemory):
    """An `Environment` with a PostgreSQL database, which is emptied for each example."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        super().__init__(runner)
        self.database = Database(url, pool_size=4)

    async def new_adapters(self) -> Adapters:
        await clear_tables(self.database)
        return adapters_over(self.database)


def _drive(environment: Environment, examples: int) -> None:
    class Machine(OrderService):
        pass

    Machine.environment = environment
    given = os.environ.get("MODEL_EXAMPLES")
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=int(given or examples),
            stateful_step_count=_STEPS,
            deadline=None,
            report_multiple_bugs=False,
            derandomize=given is None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_use_cases_in_memory_match_the_model() -> None:
    with asyncio.Runner() as runner:
        _drive(InMemory(runner), 60)


def test_the_use_cases_on_postgresql_match_the_model(
    postgres_server: Shared, migrated: str
) -> None:
    url = beside(create_database, postgres_server.url, migrated)
    try:
        with asyncio.Runner() as runner:
            environment = OnPostgres(runner, url)
            _drive(environment, 12)
            runner.run(environment.database.close())
    finally:
        beside(drop_database, postgres_server.url, url)
