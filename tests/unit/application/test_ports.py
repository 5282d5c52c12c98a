from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass, isfunction
from pkgutil import iter_modules

import pytest

import application.ports


def ports() -> Iterator[type]:
    for module in iter_modules(application.ports.__path__, "application.ports."):
        for _, found in getmembers(import_module(module.name), isclass):
            if getattr(found, "_is_protocol", False) and found.__module__ == module.name:
                yield found


def members(port: type) -> dict[str, object]:
    return {
        name: member
        for name, member in vars(port).items()
        if (isfunction(member) or isinstance(member, property))
        and (not name.startswith("_") or name == "__call__")
    }


@pytest.mark.parametrize("port", list(ports()))
def test_a_port_is_small_and_documents_its_contract(port: type) -> None:
    assert 1 <= len(members(port)) <= 4
    assert port.__doc__
    for name, member in members(port).items():
        assert member.__doc__, name
