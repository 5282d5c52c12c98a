"""The containers for each combination of settings and each role."""

from itertools import product

import pytest
from dishka import AsyncContainer

from adapters.kafka.publisher import KafkaPublisher
from adapters.memory.bus import MemoryBus
from adapters.memory.checked_cache import CheckedOrderCache
from adapters.postgres.database import Database
from adapters.redis.cache import RedisOrderCache
from application.accounts.continue_erasures import ContinueErasures
from application.delivery.hand_over_order import HandOverOrder
from application.delivery.purge import PurgeExpired
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.orders.process_order import ProcessOrder
from application.ports.accounts import Accounts, PasswordHasher
from application.ports.events import EventPublisher, EventSources, RelayWakeup
from application.ports.orders import OrderCache
from entrypoints.composition.container import make_container
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.composition.task_broker import TaskBroker
from entrypoints.observability.metrics.cache import CountedOrderCache
from entrypoints.settings import load_settings
from libraries.task_stream.broker import RedisStreamBroker
from libraries.task_stream.in_process import InProcessBroker
from tests.support.app import NowhereProvider, opened_api

#: Nothing listens on these addresses. That is fine because making a container does not connect.
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/orders",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "JWT_SECRET_KEY": "a key of thirty-two bytes or more",
}
SERVICES = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
ROLES = {
    "relay": (RelayOutbox, RelayWakeup),
    "consume": (EventSources, HandOverOrder),
    "work": (
        TaskBroker,
        ProcessOrder,
        RequeueStalledOrders,
        PurgeExpired,
        ContinueErasures,
        Database,
    ),
}


def a_container(*given: str) -> AsyncContainer:
    settings = {name: NOWHERE[name] for name in (*given, "JWT_SECRET_KEY")}
    return make_container(load_settings(settings), NowhereProvider())


@pytest.mark.parametrize(
    "given",
    [
        [name for name, wanted in zip(SERVICES, choice, strict=True) if wanted]
        for choice in product([False, True], repeat=3)
    ],
    ids=lambda given: " ".join(given) or "nothing",
)
async def test_the_graph_of_every_role_resolves(given: list[str]) -> None:
    container = a_container(*given)
    for needs in ROLES.values():
        for need in needs:
            assert await container.get(need) is not None
    await opened_api(container)
    publisher = await container.get(EventPublisher)
    assert isinstance(publisher, KafkaPublisher if SERVICES[2] in given else MemoryBus)
    broker: object = await container.get(TaskBroker)
    assert isinstance(broker, RedisStreamBroker if SERVICES[1] in given else InProcessBroker)
    cache = await container.get(OrderCache)
    assert isinstance(cache, CountedOrderCache)
    kept = RedisOrderCache if SERVICES[1] in given else CheckedOrderCache
    assert isinstance(cache.counted, kept)
    await container.close()


async def test_memory_storage_replaces_postgresql() -> None:
    container = make_container(
        load_settings({"JWT_SECRET_KEY": NOWHERE["JWT_SECRET_KEY"]}), MemoryStorageProvider()
    )
    assert type(await container.get(Accounts)).__name__ == "MemoryAccounts"
    await opened_api(container)
    await container.close()


async def test_the_settings_determine_the_cost_of_a_password() -> None:
    cost = {"ARGON2_MEMORY_KIB": "20480", "ARGON2_TIME_COST": "3", "ARGON2_PARALLELISM": "2"}
    settings = load_settings({"JWT_SECRET_KEY": NOWHERE["JWT_SECRET_KEY"], **cost})
    container = make_container(settings, NowhereProvider())
    passwords = await container.get(PasswordHasher)
    assert (await passwords.hash("correct horse")).startswith("$argon2id$v=19$m=20480,t=3,p=2$")
    await container.close()
