"""Which provider stands for which backing service, chosen by its setting."""

from collections.abc import Sequence
from os import getpid
from socket import gethostname
from uuid import uuid4

from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide
from dishka.provider import BaseProvider

from adapters.security.keys import SigningKeys
from application.ports.leases import Holder
from entrypoints.composition.checks import BusChecks, CacheChecks, StorageChecks
from entrypoints.composition.providers.application import ApplicationProvider
from entrypoints.composition.providers.in_process import (
    InProcessKafkaProvider,
    InProcessRedisProvider,
)
from entrypoints.composition.providers.mail import MailProvider
from entrypoints.composition.providers.metrics import MetricsProvider
from entrypoints.composition.providers.postgres import PostgresProvider
from entrypoints.composition.providers.requests import RequestProvider
from entrypoints.composition.providers.system import SecurityProvider, SystemProvider
from entrypoints.composition.startup_context import StartupContext
from entrypoints.observability.readiness import Readiness
from entrypoints.processes.supervisor import Supervisor
from entrypoints.settings import Settings


class SettingsProvider(Provider):
    """What is known before anything is made."""

    scope = Scope.APP

    settings = from_context(Settings)
    resources = from_context(StartupContext)

    supervisor = provide(Supervisor)

    @provide
    def readiness(self, storage: StorageChecks, cache: CacheChecks, bus: BusChecks) -> Readiness:
        """The state of everything that the process depends on."""
        return Readiness(storage, {**cache, **bus})

    @provide
    def holder(self, resources: StartupContext) -> Holder:
        """The name of this process, as it stands in leases.

        An embedded database has one process at a time: the next one need not wait for the leases
        of one that was killed.
        """
        if resources.revive is not None:
            return Holder("the embedded service")
        return Holder(f"{gethostname()}:{getpid()}:{uuid4().hex[:8]}")

    @provide
    def keys(self, resources: StartupContext) -> SigningKeys:
        """The keys that sign tokens and cursors."""
        return resources.keys


def make_container(
    settings: Settings, resources: StartupContext, *instead: BaseProvider
) -> AsyncContainer:
    """Everything, put together but not yet made; providers `instead` replace what they provide."""
    return make_async_container(
        *default_providers(settings),
        *instead,
        # Last, because they decorate the adapters in use.
        MetricsProvider(),
        RequestProvider(),
        context={Settings: settings, StartupContext: resources},
    )


def default_providers(settings: Settings) -> Sequence[BaseProvider]:
    """Return the providers of everything that can be replaced."""
    return (
        SettingsProvider(),
        SystemProvider(),
        SecurityProvider(),
        PostgresProvider(),
        _redis(settings),
        _kafka(settings),
        MailProvider(),
        ApplicationProvider(),
    )


# What is not used is not imported either: it would cost the embedded service its memory.


def _redis(settings: Settings) -> Provider:
    if settings.redis_url is None:
        return InProcessRedisProvider()
    from entrypoints.composition.providers.redis import RedisProvider  # noqa: PLC0415 - as above

    return RedisProvider()


def _kafka(settings: Settings) -> Provider:
    if settings.kafka_bootstrap_servers is None:
        return InProcessKafkaProvider()
    from entrypoints.composition.providers.kafka import KafkaProvider  # noqa: PLC0415 - as above

    return KafkaProvider()
