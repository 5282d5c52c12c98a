"""Import libraries without the parts that this service doesn't use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Final

#: taskiq imports aiohttp for this middleware, which reports to its dashboard.
_ADMIN_MIDDLEWARE: Final = "taskiq.middlewares.taskiq_admin_middleware"


def import_lean() -> None:
    """Import structlog without rich, and let taskiq be imported without aiohttp.

    rich costs a process 4 MiB and 0.1 s of CPU time, and aiohttp 6 MiB and 0.2 s. This doesn't
    change libraries that are already imported.
    """
    with hidden("rich"):
        import_module("structlog")
    if "taskiq" not in sys.modules:
        middleware = ModuleType(_ADMIN_MIDDLEWARE)
        vars(middleware)["TaskiqAdminMiddleware"] = type("TaskiqAdminMiddleware", (), {})
        sys.modules[_ADMIN_MIDDLEWARE] = middleware


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Make importing a package fail with ModuleNotFoundError, even if it is already imported."""
    imported = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # see the reference of `sys.modules`
    try:
        yield
    finally:
        if imported is None:
            del sys.modules[name]
        else:
            sys.modules[name] = imported
