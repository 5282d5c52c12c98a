"""The text of a PostgreSQL URL, split into parameters by libpq's names (34.1.1.2, URIs)."""

import re
from typing import Final
from urllib.parse import unquote

from adapters.postgres.parameters import named

_SCHEME: Final = re.compile(r"(?:postgresql(?:\+asyncpg)?|postgres)://(?=.)", re.DOTALL)
_HOST: Final = r"(?:\[[^\[\]]+\]|[^\s,:/?#@\[\]]*)(?::\d*)?"
#: What follows the login: hosts, a database, parameters. A password may contain all separators
#: unencoded, so the login ends at the first `@` that such a rest follows.
_REST: Final = re.compile(
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<database>[^/?#@]*))?"
    r"(?:\?(?P<query>(?:[A-Za-z_]+=[^&]*(?:&|$))*))?",
    re.DOTALL,
)
DEFAULT_PORT: Final = "5432"


def parameters_in(url: str) -> dict[str, str]:
    """Return the parameters of a URL, not checked; hosts and ports are lists with commas.

    Raises:
        ValueError: it is no PostgreSQL URL.
    """
    login, rest = _split(url)
    hosts = rest["hosts"].split(",") if rest["hosts"] else []
    found: dict[str, str] = {}
    if hosts:
        found["host"] = ",".join(_host_in(host) for host in hosts)
        ports = [host.rpartition(":")[2] if ":" in _after(host) else "" for host in hosts]
        if any(ports):
            found["port"] = ",".join(port or DEFAULT_PORT for port in ports)
    user, colon, password = login.partition(":")
    given = {"user": user, "password": password if colon else "", "dbname": rest["database"] or ""}
    found |= {name: _decoded(value) for name, value in given.items() if value}
    for pair in (rest["query"] or "").split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.update([named(name, _decoded(value))])
    return found


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
    return _decoded(host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0])


def _after(host: str) -> str:
    """The part of a host that may hold its port: IPv6 addresses have colons of their own."""
    return host.rpartition("]")[2]


def _decoded(text: str) -> str:
    """Decode a text; a raw `%` that begins no UTF-8 stays."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
