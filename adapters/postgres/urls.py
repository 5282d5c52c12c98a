"""URLs of PostgreSQL, as the driver reads them."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

#: libpq's parameters that asyncpg would pass to the server as settings. The pool has its own
#: timeouts and keepalive, and what the others say is asyncpg's default.
_NOT_ASYNCPGS: Final = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "prepared_statement_cache_size",
        "sslcompression",
        "tcp_user_timeout",
    }
)
#: Only a server that takes writes is of use, unless the URL says otherwise.
_READ_WRITE: Final = ("target_session_attrs", "read-write")


def urls_of_hosts(url: str) -> list[str]:
    """Return a URL for each host of `url`, in its order.

    asyncpg tries several hosts too, but under one timeout: a first host that is silent uses up
    the time of all others.

    Raises:
        ValueError: it is no PostgreSQL URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql+asyncpg", "postgresql", "postgres"} or not rest:
        raise ValueError("must be postgresql://user:password@host:5432/database")
    parts = urlsplit(f"postgresql://{rest}")
    login, at, hosts = parts.netloc.rpartition("@")
    query = urlencode(_query(parts.query))
    return [
        urlunsplit(parts._replace(netloc=f"{login}{at}{_checked(host)}", query=query))
        for host in hosts.split(",")
    ]


def _query(text: str) -> list[tuple[str, str]]:
    given = [
        (name, value)
        for name, value in parse_qsl(text, keep_blank_values=True)
        if name not in _NOT_ASYNCPGS
    ]
    return given if _READ_WRITE[0] in dict(given) else [*given, _READ_WRITE]


def _checked(host: str) -> str:
    _ = urlsplit(f"//{host}").port  # a port that is no number is refused here
    return host
