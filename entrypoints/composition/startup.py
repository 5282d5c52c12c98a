"""Start a process by opening its storage, checking the schema, and building its container."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from dishka import AsyncContainer
from dishka.exception_base import DishkaError
from dishka.provider import BaseProvider

from entrypoints.composition.container import default_providers, make_container
from entrypoints.composition.errors import Misconfigured
from entrypoints.composition.overrides import bad, load_overrides, refuse_useless, replaced
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.observability.logs import logger
from entrypoints.settings import Settings


def build_container(settings: Settings, *overrides: BaseProvider) -> AsyncContainer:
    """Return a process's container without opening anything.

    Providers in the settings replace the defaults, and `overrides` replace both.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
    """
    of_the_settings = _overrides(settings)
    if not of_the_settings:
        return make_container(settings, *overrides)
    try:
        return make_container(settings, *of_the_settings, *overrides)
    except DishkaError as error:
        raise bad(str(error)) from error


@asynccontextmanager
async def opened(container: AsyncContainer, *, owns_storage: bool) -> AsyncIterator[None]:
    """Open a container's storage, and close both at the end.

    If the process owns its storage, the storage is created and migrated. This is the case for the
    embedded service, because it runs all roles of one release. For any other process, the schema
    must already be at head.

    Raises:
        CannotStart: the storage cannot be started, or does not respond in time.
        Misconfigured: there is no data, or its schema is not the one for this release.
    """
    storage = await container.get(StorageLifecycle)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(storage.close)
        stack.push_async_callback(container.close)
        await storage.open(may_create=owns_storage)
        if owns_storage:
            await storage.migrate()
        elif problem := await storage.schema_problem():
            raise Misconfigured(problem)
        yield


@asynccontextmanager
async def opened_container(settings: Settings) -> AsyncIterator[AsyncContainer]:
    """Open everything a command may need. The schema must be at head.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the storage cannot be started, or does not respond in time.
        Misconfigured: there is no data, or its schema is not the one for this release.
    """
    container = build_container(settings)
    async with opened(container, owns_storage=False):
        yield container


@asynccontextmanager
async def opened_storage(
    settings: Settings, *, may_create: bool
) -> AsyncIterator[StorageLifecycle]:
    """Open only the storage, with its schema in any state.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the storage cannot be started, or does not respond in time.
        Misconfigured: there is no data, and it may not be created.
    """
    storage = await build_container(settings).get(StorageLifecycle)
    try:
        await storage.open(may_create=may_create)
        yield storage
    finally:
        await storage.close()


def _overrides(settings: Settings) -> Sequence[BaseProvider]:
    """Return the providers in the settings, and log which ports they replace."""
    overrides = load_overrides(settings)
    if overrides:
        defaults = default_providers(settings)
        refuse_useless(overrides, defaults)
        logger.info("adapters replaced", ports=sorted(replaced(overrides, defaults)))
    return overrides
