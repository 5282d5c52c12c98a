"""Rate limit headers, both the older ones and the structured fields from draft-11."""

from application.ports.limits import Limit, RateLimitResult
from entrypoints.http.rate_limits import rate_limit_headers


def test_the_headers_are_those_of_the_contracts_example() -> None:
    limit = Limit("orders", 60, 60)
    result = RateLimitResult(limit, allowed=True, remaining=59, reset=1, retry_after=0)
    assert dict(rate_limit_headers(result)) == {
        b"ratelimit-limit": b"60",
        b"ratelimit-remaining": b"59",
        b"ratelimit-reset": b"1",
        b"ratelimit-policy": b'"orders";q=60;w=60',
        b"ratelimit": b'"orders";r=59;t=1',
    }
