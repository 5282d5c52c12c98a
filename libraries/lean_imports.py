"""Import libraries without the parts that this service doesn't use."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Final

#: taskiq imports aiohttp for this middleware, which reports to its dashboard.
_ADMIN_MIDDLEWARE: Final = "taskiq.middlewares.taskiq_admin_middleware"
#: dishka imports pydantic here, for dependencies whose type is a generic pydantic model.
_PYDANTIC_CHECK: Final = "dishka._adaptix.type_tools.fundamentals"


def import_lean() -> None:
    """Import structlog without rich, and let taskiq and dishka be imported without what they add.

    rich costs a process 4 MiB and 0.1 s of CPU time, aiohttp (taskiq) 6 MiB and 0.2 s, and pydantic
    (dishka) 8 MiB and 0.1 s. This doesn't change libraries that are already imported.
    """
    with hidden("rich"):
        import_module("structlog")
    if "taskiq" not in sys.modules:
        middleware = ModuleType(_ADMIN_MIDDLEWARE)
        vars(middleware)["TaskiqAdminMiddleware"] = type("TaskiqAdminMiddleware", (), {})
        sys.modules[_ADMIN_MIDDLEWARE] = middleware
    if not any(isinstance(finder, _DishkaFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _DishkaFinder())


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


class _DishkaFinder:
    """Finds the one module of dishka that imports pydantic."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _PYDANTIC_CHECK:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None and "pydantic" not in sys.modules:
            spec.loader = _WithoutPydantic(name, spec.origin)
        return spec


class _WithoutPydantic(SourceFileLoader):
    """Runs a module with a `pydantic` that only has the class `BaseModel`, without subclasses."""

    def exec_module(self, module: ModuleType) -> None:
        pydantic = ModuleType("pydantic")
        # With a metaclass of its own, because dishka takes all instances of it for models.
        vars(pydantic)["BaseModel"] = type("ModelMetaclass", (type,), {})("BaseModel", (), {})
        sys.modules["pydantic"] = pydantic
        try:
            super().exec_module(module)
        finally:
            del sys.modules["pydantic"]
