"""`ORDERS_PROVIDERS`: valid references, errors for invalid ones, and the replaced ports."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dishka import Provider, Scope, provide

from adapters.memory.cache import MemoryOrderCache
from application.ports.accounts import Accounts, PasswordStore
from application.ports.events import EventPublisher, EventSources
from application.ports.orders import OrderCache
from application.ports.tasks import Fulfilment
from entrypoints.composition.checks import BusChecks
from entrypoints.composition.container import default_providers, make_container
from entrypoints.composition.overrides import load_overrides, refuse_useless, replaced
from entrypoints.composition.startup import build_container
from entrypoints.observability.metrics.cache import CountedOrderCache
from entrypoints.settings import BadSettings, Settings, load_settings
from tests.support.app import KEY, NowhereProvider, opened_api
from tests.support.readme import code

SHOP = code("Swap an adapter", "python")
MORE = """
from entrypoints.composition.providers.memory import MemoryLifecycle
from entrypoints.composition.storage import StorageLifecycle
instance = WarehouseProvider()
several = [WarehouseProvider, WarehouseProvider()]
def made(): return several
def failing(): raise RuntimeError("no stock")
number = 7
nothing = ()
class Typo(Provider):
    warehouse = provide(Warehouse, scope=Scope.APP)
class WithoutScope(Provider):
    warehouse = provide(Warehouse, provides=Fulfilment)
class HalfAStorage(Provider):
    lifecycle = provide(MemoryLifecycle, provides=StorageLifecycle, scope=Scope.APP)
class Incomplete(Provider):
    @provide(scope=Scope.APP)
    def fulfilment(self, unknown: complex) -> Fulfilment: ...
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "shop.py").write_text(SHOP + MORE)
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    (tmp_path / "crashing.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    yield
    for name in ("shop", "broken", "crashing"):
        sys.modules.pop(name, None)


def settings(reference: str) -> Settings:
    return load_settings({"ORDERS_PROVIDERS": reference})


@pytest.mark.parametrize(
    ("attribute", "count"),
    [("WarehouseProvider", 1), ("instance", 1), ("several", 2), ("made", 2)],
)
def test_reference_may_be_a_provider_a_class_or_several(attribute: str, count: int) -> None:
    found = settings(f"shop:{attribute}")
    overrides = load_overrides(found)
    assert len(overrides) == count
    assert replaced(overrides, default_providers(found)) == {"Fulfilment"}


def test_nothing_is_imported_without_the_setting() -> None:
    assert load_overrides(load_settings({})) == ()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("shop", "must be module:attribute"),
        ("shop:", "must be module:attribute"),
        ("../shop:instance", "must be module:attribute"),
        ("shap:instance", "there is no module shap"),
        ("shop.more:instance", "there is no module shop.more"),
        ("broken:instance", "No module named 'nowhere_to_be_found'"),
        ("crashing:instance", "ZeroDivisionError"),
        ("shop:instanze", "has no attribute instanze"),
        ("shop:number", "is no dishka provider"),
        ("shop:nothing", "is no dishka provider"),
        ("shop:failing", "no stock"),
        ("shop:WithoutScope", "No scope is set"),
    ],
)
def test_bad_reference_is_a_bad_setting_with_a_reason(reference: str, said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load_overrides(settings(reference))
    assert said in refused.value.errors["ORDERS_PROVIDERS"]


def test_providers_that_replace_no_port_are_refused_with_their_types() -> None:
    found = settings("shop:Typo")
    with pytest.raises(BadSettings, match="replaces no adapter: it provides Warehouse;"):
        refuse_useless(load_overrides(found), default_providers(found))


def test_provider_with_an_unknown_dependency_is_a_bad_setting() -> None:
    with pytest.raises(BadSettings, match="complex"):
        build_container(settings("shop:Incomplete"))


def test_storage_that_lacks_a_port_is_a_bad_setting() -> None:
    with pytest.raises(BadSettings, match="Cannot find factory for"):
        build_container(settings("shop:HalfAStorage"))


# --- Replaced ports

NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/orders",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "JWT_SECRET_KEY": KEY,
}
MINE: Any = object()


def instead_of(*ports: type) -> Provider:
    provider = Provider(scope=Scope.APP)
    for port in ports:
        provider.provide(lambda: MINE, provides=port)
    return provider


@pytest.mark.parametrize(
    "given", [NOWHERE, {"JWT_SECRET_KEY": KEY}], ids=["production", "embedded"]
)
@pytest.mark.parametrize(
    ("port", "sibling"),
    [
        (Fulfilment, None),
        (EventPublisher, BusChecks),
        (EventPublisher, EventSources),
        (Accounts, PasswordStore),
        (PasswordStore, Accounts),
    ],
)
async def test_replacing_one_port_of_an_adapter_leaves_its_other_ports(
    given: dict[str, str], port: type, sibling: type | None
) -> None:
    container = make_container(load_settings(given), NowhereProvider(), instead_of(port))
    chosen: Any = await container.get(port)
    assert chosen is MINE
    assert sibling is None or await container.get(sibling) is not MINE
    await opened_api(container)
    await container.close()


async def test_replaced_cache_is_counted() -> None:
    class Cached(Provider):
        @provide(scope=Scope.APP)
        def cache(self) -> OrderCache:
            return MemoryOrderCache(1)

    container = make_container(load_settings({}), NowhereProvider(), Cached())
    cache = await container.get(OrderCache)
    assert isinstance(cache, CountedOrderCache)
    assert isinstance(cache.counted, MemoryOrderCache)
    await container.close()
