"""The service in one process: the API, and the roles that do not have their own process."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dishka import AsyncContainer
from dishka.provider import BaseProvider

from entrypoints.composition.loops import (
    StartLoops,
    running,
    start_consumers,
    start_metrics,
    start_relay,
    start_watchdog,
)
from entrypoints.composition.startup import build_container, opened
from entrypoints.messaging.subscriptions import subscriptions_on
from entrypoints.settings import Settings


def service_of(
    settings: Settings, *overrides: BaseProvider
) -> AbstractAsyncContextManager[AsyncContainer]:
    """Return the service for these settings. It can be opened once.

    Raises:
        BadSettings: `ORDERS_PROVIDERS` cannot be used.
    """
    return running_service(build_container(settings, *overrides))


@asynccontextmanager
async def running_service(container: AsyncContainer) -> AsyncIterator[AsyncContainer]:
    """Open and yield the container, and run every role that does not have its own process.

    Raises:
        CannotStart: the storage cannot be started, or does not respond in time.
        Misconfigured: there is no data, or its schema is not the one for this release.
    """
    settings = await container.get(Settings)
    is_alone = bool(settings.missing_services)
    starts: list[StartLoops] = [start_metrics]
    if is_alone:
        # Only imported when used, see entrypoints/composition/task_broker.py.
        from entrypoints.composition.worker import start_worker  # noqa: PLC0415 - as above

        consumers = start_consumers(*subscriptions_on(settings))
        starts += [start_watchdog, start_worker, consumers, start_relay]
    async with opened(container, owns_storage=is_alone), running(container, *starts):
        yield container
