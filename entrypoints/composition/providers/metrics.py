"""The metrics, and the decorators that count."""

from dishka import Provider, Scope, decorate, provide

from application.ports.orders import OrderCache
from entrypoints.observability.metrics.cache import CountedOrderCache
from entrypoints.observability.metrics.scrape import Metrics


class MetricsProvider(Provider):
    """The page for Prometheus, and the adapter decorators that count for it."""

    scope = Scope.APP

    metrics = provide(Metrics)

    @decorate
    def cache(self, cache: OrderCache) -> OrderCache:
        """The cache in use, with its reads counted."""
        return CountedOrderCache(cache)
