"""Port decorators for API requests."""

from dishka import Provider, Scope, decorate

from application.ports.limits import RateLimiter
from application.ports.orders import OrderReader
from entrypoints.http.rate_limits import AdmittedOrderReader, RecordedRateLimiter


class RequestProvider(Provider):
    """Decorators that do nothing outside a request."""

    scope = Scope.APP

    @decorate
    def reader(self, reader: OrderReader) -> OrderReader:
        """A reader that waits until the request has been admitted."""
        return AdmittedOrderReader(reader)

    @decorate
    def limiter(self, limiter: RateLimiter) -> RateLimiter:
        """A limiter that records its results for the response headers."""
        return RecordedRateLimiter(limiter)
