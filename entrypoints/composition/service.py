"""The service in one process: the API, and the roles that have no process of their own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dishka import AsyncContainer
from dishka.exception_base import DishkaError
from dishka.provider import BaseProvider

from adapters.security.keys import SigningKeys
from entrypoints.composition.container import default_providers, make_container
from entrypoints.composition.embedded import opened_database, signing_secret
from entrypoints.composition.overrides import bad, load_overrides, refuse_useless, replaced
from entrypoints.composition.roles import (
    Role,
    consumer_role,
    relay_role,
    running,
    watch_role,
    watchdog_role,
    worker_role,
)
from entrypoints.composition.schema import migrate_schema, require_head
from entrypoints.composition.startup_context import StartupContext
from entrypoints.messaging.subscriptions import subscriptions_on
from entrypoints.observability.logs import logger
from entrypoints.settings import Settings


@asynccontextmanager
async def running_service(
    settings: Settings, *instead: BaseProvider
) -> AsyncIterator[AsyncContainer]:
    """The API's container, with every role that has no process of its own running beside them.

    Providers `instead` replace what they provide.
    """
    roles: list[Role] = [watch_role]
    if settings.missing_services:
        consumers = consumer_role(*subscriptions_on(settings))
        roles += [watchdog_role, worker_role, consumers, relay_role]
    async with (
        opened_container(
            settings, *instead, owns_data=bool(settings.missing_services)
        ) as container,
        running(container, *roles),
    ):
        yield container


@asynccontextmanager
async def opened_container(
    settings: Settings, *instead: BaseProvider, owns_data: bool = False
) -> AsyncIterator[AsyncContainer]:
    """Open everything that a process may need, over a database at head; close it at the end.

    A process that owns its data (the embedded service, which stands for all of a release) makes
    them and migrates the schema. Any other finds both as they must be, or is refused at once.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
        CannotStart: PostgreSQL cannot be started, or does not answer in time.
        Misconfigured: there are no data, or their schema is not the one of this release.
    """
    overrides = _overrides(settings)
    async with opened_database(settings, may_create=owns_data) as database:
        await (migrate_schema if owns_data else require_head)(database.url)
        keys = SigningKeys(signing_secret(settings), settings.jwt_previous_secret_keys)
        resources = StartupContext(database.url, keys, database.revive)
        container = _container(settings, resources, overrides, instead)
        try:
            yield container
        finally:
            await container.close()


def _container(
    settings: Settings,
    resources: StartupContext,
    overrides: Sequence[BaseProvider],
    instead: Sequence[BaseProvider],
) -> AsyncContainer:
    """Put everything together, with the providers of the settings, then those of the caller."""
    if not overrides:
        return make_container(settings, resources, *instead)
    try:
        return make_container(settings, resources, *overrides, *instead)
    except DishkaError as error:
        raise bad(str(error)) from error


def _overrides(settings: Settings) -> Sequence[BaseProvider]:
    """Return the providers of the settings, each of use, and log what they replace."""
    overrides = load_overrides(settings)
    if overrides:
        defaults = default_providers(settings)
        refuse_useless(overrides, defaults)
        logger.info("adapters replaced", ports=sorted(replaced(overrides, defaults)))
    return overrides
