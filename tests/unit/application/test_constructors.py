from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass, signature
from pkgutil import iter_modules

import pytest

import application.accounts
import application.orders


def use_cases() -> Iterator[type]:
    for package in (application.accounts, application.orders):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for _, found in getmembers(import_module(module.name), isclass):
                if found.__module__ == module.name and "__init__" in vars(found):
                    yield found


# Data classes don't count because their fields are not collaborators.
@pytest.mark.parametrize(
    "use_case", [each for each in use_cases() if not hasattr(each, "__dataclass_fields__")]
)
def test_a_use_case_has_at_most_four_collaborators(use_case: type) -> None:
    assert len(signature(use_case).parameters) <= 4
