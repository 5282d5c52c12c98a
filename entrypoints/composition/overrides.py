"""Load the providers in `ORDERS_PROVIDERS` (`module:attribute`), which replace adapters."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from dishka.provider import BaseProvider

from entrypoints.settings import BadSettings, Settings

_NAME: Final = "ORDERS_PROVIDERS"


def load_overrides(settings: Settings) -> Sequence[BaseProvider]:
    """Import the providers in the settings.

    The attribute can be a provider, a provider class, an iterable of these, or a function that
    returns any of them. Modules in the working directory can be imported, like with `python -m`.

    Raises:
        BadSettings: the module or the attribute is missing, or the attribute is not a provider.
    """
    reference = settings.orders_providers
    if reference is None:
        return ()
    return tuple(_providers(_imported(reference), reference))


def replaced(overrides: Iterable[BaseProvider], defaults: Iterable[BaseProvider]) -> set[str]:
    """Return the names of the types that `overrides` provide instead of the `defaults`."""
    known = provided_types(defaults)
    return {_name(each) for each in provided_types(overrides) & known}


def provided_types(providers: Iterable[BaseProvider]) -> set[Any]:
    """Return the types that `providers` provide."""
    provided: set[Any] = set()
    for provider in providers:
        provided |= {factory.provides.type_hint for factory in provider.factories}
        provided |= {alias.provides.type_hint for alias in provider.aliases}
        provided |= {decorator.provides.type_hint for decorator in provider.decorators}
    return provided


def refuse_useless(overrides: Sequence[BaseProvider], defaults: Iterable[BaseProvider]) -> None:
    """Check that the providers in the settings replace a port.

    Raises:
        BadSettings: they don't replace any, which means they would never be used.
    """
    if not replaced(overrides, defaults):
        provided = ", ".join(sorted(map(_name, provided_types(overrides)))) or "nothing"
        raise bad(f"replaces no adapter: it provides {provided}; say `provides=` and the port")


def bad(fault: str) -> BadSettings:
    """Return an error about `ORDERS_PROVIDERS`."""
    return BadSettings({_NAME: fault})


def _imported(reference: str) -> Any:
    module_name, _, path = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise bad(f"the module {module_name} cannot be imported: {error}") from error
        raise bad(f"there is no module {module_name}, neither here nor installed") from error
    except Exception as error:
        raise bad(f"the module {module_name} cannot be imported: {_described(error)}") from error
    try:
        return reduce(getattr, path.split("."), module)
    except AttributeError as error:
        raise bad(f"the module {module_name} has no attribute {path}") from error


def _providers(found: Any, reference: str) -> Iterable[BaseProvider]:
    if isinstance(found, BaseProvider):
        return [found]
    if isinstance(found, Callable):  # type: ignore[arg-type]  # includes provider classes
        return _providers(_called(found, reference), reference)
    if isinstance(found, Iterable) and not isinstance(found, str | bytes):
        several = [each for part in found for each in _providers(part, reference)]
        if several:
            return several
    raise bad(f"{reference} is no dishka provider, and makes none: {found!r:.60}")


def _called(make: Callable[[], Any], reference: str) -> Any:
    try:
        return make()
    except Exception as error:
        raise bad(f"{reference} cannot be called: {_described(error)}") from error


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
