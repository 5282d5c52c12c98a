"""The `repr` of a value never has a secret or an e-mail address, because it may be logged."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import getmembers, isclass
from pkgutil import walk_packages
from typing import Any, Final

import msgspec
import pytest

import adapters
import application
import domain
import entrypoints
import libraries

PACKAGES: Final = (domain, application, adapters, libraries, entrypoints)
MARKER: Final = "a-secret-marker"
#: Names of fields with secrets or personal data.
SENSITIVE: Final = re.compile(
    r"(.*_)?(password|passwords|secret|secrets)(_key|_keys|_hash|_hashes)?"
    r"|(.*_)?(access|refresh)_token(_hash)?|token|token_hash|.*_url"
    r"|(.*_)?e?mail|username|recipient|spellings|authorization"
)
#: Fields with a name that could mean anything.
ALSO_SENSITIVE: Final = {
    ("AccessToken", "text"),
    ("EmailAddress", "stored"),
    ("IdempotencyKey", "text"),
    ("Mail", "text"),
    ("PasswordChange", "current"),
    ("PasswordChange", "new"),
    ("RefreshToken", "text"),
    ("RequestHead", "headers"),
    ("RequestHead", "target"),
}
#: Fields that are not secret in spite of their names.
HARMLESS: Final = {
    ("_Lease", "token"),  # of a cache entry in this process
    ("Renewal", "token"),  # a RefreshToken, which is also tested
}


def classes() -> Iterator[type]:
    for package in PACKAGES:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            for _, found in getmembers(import_module(module.name), isclass):
                if found.__module__ == module.name and fields_of(found):
                    yield found


def fields_of(kind: type) -> list[str]:
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    return list(kind.__struct_fields__) if issubclass(kind, msgspec.Struct) else []


def sensitive_fields(kind: type) -> list[str]:
    named = [(kind.__name__, field) for field in fields_of(kind)]
    return [
        field
        for owner, field in named
        if (owner, field) in ALSO_SENSITIVE
        or (SENSITIVE.fullmatch(field) and (owner, field) not in HARMLESS)
    ]


def with_marker(kind: type, sensitive: list[str]) -> Any:
    """Return an instance with the marker in its sensitive fields, and None in all others."""
    values = {name: MARKER if name in sensitive else None for name in fields_of(kind)}
    if issubclass(kind, msgspec.Struct):
        return kind(**values)
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


SENSITIVE_CLASSES: Final = {kind: found for kind in classes() if (found := sensitive_fields(kind))}


@pytest.mark.parametrize("kind", SENSITIVE_CLASSES, ids=lambda kind: kind.__name__)
def test_the_repr_of_a_value_has_no_secret(kind: type) -> None:
    made = with_marker(kind, SENSITIVE_CLASSES[kind])
    assert getattr(made, SENSITIVE_CLASSES[kind][0]) == MARKER
    for text in (repr(made), str(made), f"{made}", repr([made])):
        assert MARKER not in text


def test_the_known_classes_with_secrets_are_tested() -> None:
    names = {kind.__name__ for kind in SENSITIVE_CLASSES}
    assert names >= {
        *("Account", "AccessToken", "Credentials", "EmailAddress", "IdempotencyKey", "Login"),
        *("KafkaConnection", "Mail", "Registration", "RegistrationSchema", "RequestHead"),
        *("Settings", "SmtpServer", "Token", "TokenForm"),
    }
    fields_by_name = {(kind.__name__, field) for kind in classes() for field in fields_of(kind)}
    assert fields_by_name >= ALSO_SENSITIVE | HARMLESS
