"""The metrics, put together."""

from dishka import Provider, Scope, decorate, provide

from application.ports.orders import OrderCache
from entrypoints.observability.metrics.cache import CountedOrderCache
from entrypoints.observability.metrics.scrape import Metrics


class MetricsProvider(Provider):
    """What Prometheus reads, and what counts for it around an adapter."""

    scope = Scope.APP

    metrics = provide(Metrics)

    @decorate
    def cache(self, cache: OrderCache) -> OrderCache:
        """The cache, counted, whichever it is."""
        return CountedOrderCache(cache)
