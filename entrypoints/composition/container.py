"""The dishka container. The settings decide which providers are in it."""

from collections.abc import Sequence
from os import getpid
from socket import gethostname
from uuid import uuid4

from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide
from dishka.provider import BaseProvider

from adapters.security.keys import SigningKeys
from application.ports.leases import Holder
from entrypoints.composition.checks import BusChecks, CacheChecks, StorageChecks
from entrypoints.composition.overrides import provided_types
from entrypoints.composition.providers.application import ApplicationProvider
from entrypoints.composition.providers.consumers import ConsumersProvider
from entrypoints.composition.providers.mail import MailProvider
from entrypoints.composition.providers.metrics import MetricsProvider
from entrypoints.composition.providers.postgres.provider import PostgresProvider
from entrypoints.composition.providers.requests import RequestProvider
from entrypoints.composition.providers.system import SecurityProvider, SystemProvider
from entrypoints.composition.signing_keys import signing_keys
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.observability.readiness import Readiness
from entrypoints.processes.supervisor import Supervisor
from entrypoints.settings import Settings


class SettingsProvider(Provider):
    """The settings, and values derived from them and from the storage."""

    scope = Scope.APP

    settings = from_context(Settings)

    supervisor = provide(Supervisor)

    @provide
    def readiness(self, storage: StorageChecks, cache: CacheChecks, bus: BusChecks) -> Readiness:
        """Whether the process is ready.

        Only a storage outage makes it unready. A cache or broker outage does not.
        """
        return Readiness(storage, {**cache, **bus})

    @provide
    def holder(self, storage: StorageLifecycle) -> Holder:
        """The name of this process in leases.

        If the storage is exclusive, only one process uses it at a time, and that process always
        has the same name. If it is killed, the next one does not have to wait for its leases to
        expire.
        """
        if storage.is_exclusive:
            return Holder("the embedded service")
        return Holder(f"{gethostname()}:{getpid()}:{uuid4().hex[:8]}")

    @provide
    def keys(self, settings: Settings, storage: StorageLifecycle) -> SigningKeys:
        """The keys that sign tokens and cursors."""
        return signing_keys(settings, storage)


def make_container(settings: Settings, *overrides: BaseProvider) -> AsyncContainer:
    """Return a container in which `overrides` replace default providers, without opening anything.

    Overrides with a `StorageLifecycle` replace all of PostgreSQL. If they don't provide all of its
    ports, that is an error here. Falling back to the default would give you an adapter for a
    database that is never opened.

    Raises:
        DishkaError: there is no provider for a dependency.
    """
    replaces_storage = StorageLifecycle in provided_types(overrides)
    defaults = default_providers(settings)
    return make_async_container(
        *(each for each in defaults if not (replaces_storage and _is_storage(each))),
        *overrides,
        # These have to be last because they decorate the adapters in use.
        MetricsProvider(),
        RequestProvider(),
        context={Settings: settings},
    )


def default_providers(settings: Settings) -> Sequence[BaseProvider]:
    """Return the default providers, all of which can be replaced."""
    return (
        SettingsProvider(),
        SystemProvider(),
        SecurityProvider(),
        PostgresProvider(),
        _redis(settings),
        _kafka(settings),
        MailProvider(),
        ApplicationProvider(),
        ConsumersProvider(),
    )


def _is_storage(provider: BaseProvider) -> bool:
    return StorageLifecycle in provided_types([provider])


# These are only imported when they are used. Redis costs a process 8 MiB and 100 ms of CPU time,
# Kafka 7 MiB and 50 ms, and taskiq, for tasks in this process, 100 ms.


def _redis(settings: Settings) -> Provider:
    if settings.redis_url is None:
        from entrypoints.composition.providers.in_process import (  # noqa: PLC0415 - as above
            InProcessRedisProvider,
        )

        return InProcessRedisProvider()
    from entrypoints.composition.providers.redis import RedisProvider  # noqa: PLC0415 - as above

    return RedisProvider()


def _kafka(settings: Settings) -> Provider:
    if settings.kafka_bootstrap_servers is None:
        from entrypoints.composition.providers.in_process import (  # noqa: PLC0415 - as above
            InProcessKafkaProvider,
        )

        return InProcessKafkaProvider()
    from entrypoints.composition.providers.kafka import KafkaProvider  # noqa: PLC0415 - as above

    return KafkaProvider()
