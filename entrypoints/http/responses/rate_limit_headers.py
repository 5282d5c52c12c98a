"""The headers of a response that report the rest of a rate limit.

Three headers are from draft-ietf-httpapi-ratelimit-headers-06, which most clients support, and two
structured fields (RFC 9651) from draft-ietf-httpapi-ratelimit-headers-11, which replace them.
"""

from functools import cache

from application.ports.limits import Limit, RateLimitResult
from entrypoints.http.responses.raw_response import Header


def rate_limit_headers(result: RateLimitResult) -> tuple[Header, ...]:
    """Return the headers. Times are in seconds until the whole limit is available again."""
    count, policy, name = _of_limit(result.limit)
    remaining, reset = b"%d" % result.remaining, b"%d" % result.reset
    return (
        count,
        (b"ratelimit-remaining", remaining),
        (b"ratelimit-reset", reset),
        policy,
        (b"ratelimit", b"%b;r=%b;t=%b" % (name, remaining, reset)),
    )


@cache  # the limits are a handful of settings
def _of_limit(limit: Limit) -> tuple[Header, Header, bytes]:
    """Return the constant parts: the count, the policy and the policy's name."""
    count, name = b"%d" % limit.count, b'"%b"' % limit.name.encode()
    policy = b"%b;q=%b;w=%d" % (name, count, limit.period)
    return (b"ratelimit-limit", count), (b"ratelimit-policy", policy), name
