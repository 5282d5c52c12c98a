"""Split a PostgreSQL URL into parameters, using libpq's names (see 34.1.1.2, URIs)."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from adapters.postgres.parameters import canonical

_SCHEME: Final = re.compile(r"(?:postgresql(?:\+asyncpg)?|postgres)://(?=.)", re.DOTALL)
_HOST: Final = r"(?:\[[^\[\]]+\]|[^\s,:/?#@\[\]]*)(?::\d*)?"
#: Hosts, database and parameters, which follow the login. Because a password may contain unencoded
#: separators, the login ends at the first `@` that is followed by text in this format.
_REST: Final = re.compile(
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<database>[^/?#@]*))?"
    r"(?:\?(?P<query>(?:[^=&@]+=[^&]*(?:&|$))*))?",
    re.DOTALL,
)
DEFAULT_PORT: Final = "5432"


def split_url(url: str) -> dict[str, str]:
    """Return a URL's parameters without checking them. Hosts and ports are separated by commas.

    Raises:
        ValueError: this isn't a PostgreSQL URL.
    """
    login, rest = _split(url)
    hosts = rest["hosts"].split(",") if rest["hosts"] else []
    found = _hosts_in(hosts)
    user, colon, password = login.partition(":")
    given = {"user": user, "password": password if colon else "", "dbname": rest["database"] or ""}
    found |= {name: _decoded(value) for name, value in given.items() if value}
    pairs = [pair.partition("=") for pair in (rest["query"] or "").split("&") if pair]
    queried = [_decoded(value) for name, _, value in pairs if name == "host" and value]
    found |= _hosts_in([each for value in queried for each in value.split(",")])
    for name, _, value in pairs:
        if name != "host":
            known, text = canonical(name, _decoded(value))
            found[known] = text or found.get(known, "")
    return found


def _hosts_in(hosts: Sequence[str]) -> dict[str, str]:
    """Return hosts, and ports if there are any.

    SQLAlchemy's format for several hosts is `?host=h1:1&host=h2:2`.
    """
    if not hosts:
        return {}
    found = {"host": ",".join(_host_in(host) for host in hosts)}
    ports = [_port_in(host) for host in hosts]
    return found | (
        {"port": ",".join(port or DEFAULT_PORT for port in ports)} if any(ports) else {}
    )


def _split(url: str) -> tuple[str, re.Match[str]]:
    """Split a URL into its login and the rest."""
    scheme = _SCHEME.match(url)
    text = url[scheme.end() :] if scheme else ""
    starts = [0, *(at.end() for at in re.finditer("@", text))]
    for start in starts if scheme else []:
        if rest := _REST.fullmatch(text, start):
            return text[: max(start - 1, 0)], rest
    raise ValueError("must be postgresql://user:password@host:5432/database")


def _host_in(host: str) -> str:
    if host.startswith("["):
        return _decoded(host[1 : host.index("]")])
    return _decoded(host.rpartition(":")[0] if _has_port(host) else host)


def _port_in(host: str) -> str:
    return host.rpartition(":")[2] if _has_port(host) else ""


def _has_port(host: str) -> bool:
    """Return whether there's a port. IPv6 addresses and socket paths may also contain colons."""
    return host.rpartition("]")[2].count(":") == 1 and not host.startswith("/")


def _decoded(text: str) -> str:
    """Decode percent-encoding. If the result isn't UTF-8, return the original text."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
