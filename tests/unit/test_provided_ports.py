"""Every adapter that a provider registers for a port has all of the port's members.

mypy can't check `provide(Adapter, provides=Port)`, because dishka resolves it at runtime.
"""

from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass, signature
from pkgutil import walk_packages
from typing import Any

import pytest
from dishka import Provider

import entrypoints.composition.providers


def provider_classes() -> Iterator[type[Provider]]:
    package = entrypoints.composition.providers
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        for _, found in getmembers(import_module(module.name), isclass):
            if issubclass(found, Provider) and found.__module__ == module.name:
                yield found


def registered() -> Iterator[tuple[type, type]]:
    """Yield each adapter class with a port that it is registered for."""
    for provider in (each() for each in provider_classes()):
        pairs: list[tuple[Any, Any]] = [
            *((each.source, each.provides.type_hint) for each in provider.factories),
            *((each.source.type_hint, each.provides.type_hint) for each in provider.aliases),
        ]
        for adapter, port in pairs:
            if isclass(adapter) and getattr(port, "_is_protocol", False):
                yield adapter, port


def members(port: type) -> Iterator[str]:
    for name, member in vars(port).items():
        if (callable(member) or isinstance(member, property)) and not name.startswith("_"):
            yield name


def parameters(owner: type, name: str) -> list[str] | None:
    member = getattr(owner, name)
    return [each.lstrip("_") for each in signature(member).parameters] if callable(member) else None


PAIRS = sorted(set(registered()), key=str)


@pytest.mark.parametrize(("adapter", "port"), PAIRS, ids=lambda each: each.__name__)
def test_an_adapter_has_every_member_of_its_port(adapter: type, port: type) -> None:
    missing = [name for name in members(port) if not hasattr(adapter, name)]
    assert missing == []
    different = [n for n in members(port) if parameters(adapter, n) != parameters(port, n)]
    assert different == []


def test_both_storages_are_checked() -> None:
    assert {adapter.__name__ for adapter, _ in PAIRS} >= {
        "MemoryRetentionStore",
        "PostgresRetentionStore",
        "RedisRelayWakeup",
    }
