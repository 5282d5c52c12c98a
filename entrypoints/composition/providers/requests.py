"""Decorators of ports for the requests of the API."""

from dishka import Provider, Scope, decorate

from application.ports.limits import RateLimiter
from application.ports.orders import OrderReader
from entrypoints.http.rate_limits import AdmittedOrderReader, RecordedRateLimiter


class RequestProvider(Provider):
    """Decorators that do nothing outside of a request."""

    scope = Scope.APP

    @decorate
    def reader(self, reader: OrderReader) -> OrderReader:
        """Return the reader that waits for a request's admission."""
        return AdmittedOrderReader(reader)

    @decorate
    def limiter(self, limiter: RateLimiter) -> RateLimiter:
        """Return the limiter that records results for a request's response."""
        return RecordedRateLimiter(limiter)
