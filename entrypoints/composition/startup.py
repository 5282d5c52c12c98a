"""The start of a process: a container over a storage that is open and at head."""

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
    """Return the container of a process; open nothing.

    The providers of the settings replace the defaults, and `overrides` replace both.

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
    """Open the storage of a container; close both at the end.

    A process that owns its storage (the embedded service, which runs all roles of one release)
    creates and migrates it. Any other finds it at head, or is refused at once.

    Raises:
        CannotStart: the storage cannot be started, or does not answer in time.
        Misconfigured: there are no data, or their schema is not the one of this release.
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
    """Open everything that a command or a role may need, over a storage at head.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the storage cannot be started, or does not answer in time.
        Misconfigured: there are no data, or their schema is not the one of this release.
    """
    container = build_container(settings)
    async with opened(container, owns_storage=False):
        yield container


@asynccontextmanager
async def opened_storage(
    settings: Settings, *, may_create: bool
) -> AsyncIterator[StorageLifecycle]:
    """Open the storage alone, with its schema in any state.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: the storage cannot be started, or does not answer in time.
        Misconfigured: there are no data, and they may not be created.
    """
    storage = await build_container(settings).get(StorageLifecycle)
    try:
        await storage.open(may_create=may_create)
        yield storage
    finally:
        await storage.close()


def _overrides(settings: Settings) -> Sequence[BaseProvider]:
    """Return the providers of the settings, and log the ports that they replace."""
    overrides = load_overrides(settings)
    if overrides:
        defaults = default_providers(settings)
        refuse_useless(overrides, defaults)
        logger.info("adapters replaced", ports=sorted(replaced(overrides, defaults)))
    return overrides
