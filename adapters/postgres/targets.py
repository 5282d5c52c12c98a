"""Convert the hosts in a PostgreSQL URL to arguments for the driver."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.postgres.parameters import parse_parameters
from adapters.postgres.tls import advisory_url, context_of
from adapters.postgres.urls import DEFAULT_PORT, split_url

#: Set to `off` to ignore PG* variables in the environment, for example in the URL of the embedded
#: database. This isn't one of PostgreSQL's own parameters.
PG_VARIABLES: Final = "pg_variables"
#: libpq's parameters for socket options.
_SOCKET: Final = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A host from a URL, with the driver's arguments and settings it doesn't have arguments for."""

    arguments: Mapping[str, Any]
    #: The values of libpq's keepalive parameters in libpq's units. 0 means the system's default.
    socket_options: Mapping[str, int]
    connect_seconds: float | None

    @property
    def address(self) -> tuple[str, int] | None:
        """The host and port, or None for a Unix socket or if the driver chooses the host."""
        host = self.arguments["host"]
        is_tcp = host is not None and not host.startswith("/")
        return (host, self.arguments["port"]) if is_tcp else None


def targets_of(url: str) -> list[Target]:
    """Return the hosts in a URL in the same order.

    Each host is a separate target. Otherwise, a silent host could use up the time for the others.
    Just like in libpq, PG* variables in the environment are used for parameters that the URL
    doesn't contain.

    Raises:
        ValueError: this isn't a PostgreSQL URL, or a parameter is not supported.
    """
    given = split_url(url)
    reads_environment = given.pop(PG_VARIABLES, "on") != "off"
    parameters = parse_parameters(given, os.environ if reads_environment else {})
    if not reads_environment:
        parameters.setdefault("password", "")  # otherwise, the driver would read PGPASSWORD
    return [_target(parameters, *host) for host in _hosts(parameters)]


def is_balanced(url: str) -> bool:
    """Return whether to try the hosts in random order."""
    return split_url(url).get("load_balance_hosts") == "random"


def _hosts(parameters: Mapping[str, str]) -> list[tuple[str | None, str | None, int]]:
    """Return each host's address, name to verify and port."""
    names: list[str | None] = [each or None for each in parameters.get("host", "").split(",")]
    addresses = names
    if "hostaddr" in parameters:
        addresses = [each or None for each in parameters["hostaddr"].split(",")]
        if "host" not in parameters:
            names = addresses
        if len(addresses) != len(names):
            raise ValueError("hostaddr must have an address for each host")
        addresses = [address or name for address, name in zip(addresses, names, strict=True)]
    ports = parameters.get("port", DEFAULT_PORT).split(",")
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names):
        raise ValueError("port must be one port, or one for each host")
    if len(names) > 1 and None in addresses:
        addresses = [address or "localhost" for address in addresses]
    return [
        (address, name, int(port))
        for address, name, port in zip(addresses, names, ports, strict=True)
    ]


def _target(parameters: Mapping[str, str], host: str | None, name: str | None, port: int) -> Target:
    is_local = host is not None and host.startswith("/")
    system = parameters.get("sslrootcert") == "system"
    mode = parameters.get("sslmode", "verify-full" if system else "prefer")
    if host != name and mode == "verify-full":
        raise ValueError("hostaddr cannot be used with sslmode=verify-full")
    is_direct = parameters.get("sslnegotiation") == "direct" and not is_local
    if is_direct and mode in {"disable", "allow", "prefer"}:
        raise ValueError("sslnegotiation=direct needs sslmode=require or more")
    # libpq ignores TLS parameters for Unix sockets, but the driver doesn't.
    tls = False if is_local else context_of(parameters, mode)
    arguments = {
        "dsn": advisory_url(parameters) if isinstance(tls, str) else None,
        "host": host,
        "port": port,
        "user": parameters.get("user"),
        "password": parameters.get("password"),
        "passfile": parameters.get("passfile"),
        "database": parameters.get("dbname"),
        "ssl": tls,
        "direct_tls": is_direct,
        # The service needs a server that accepts writes, unless the URL contains another value.
        "target_session_attrs": parameters.get("target_session_attrs", "read-write"),
        "krbsrvname": parameters.get("krbsrvname", ""),
        "gsslib": "gssapi",
        "server_settings": _session_settings(parameters),
        **_cache_sizes(parameters),
    }
    seconds = int(parameters.get("connect_timeout", "0"))
    options = {each: int(parameters[each]) for each in _SOCKET if each in parameters}
    return Target(arguments, options, float(seconds) if seconds > 0 else None)


def _session_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    found = {"application_name": parameters.get("fallback_application_name", "")}
    found |= {
        name: parameters[name] for name in ("application_name", "options") if name in parameters
    }
    return {name: value for name, value in found.items() if value}


def _cache_sizes(parameters: Mapping[str, str]) -> dict[str, int]:
    sizes = [
        int(parameters[name])
        for name in ("statement_cache_size", "prepared_statement_cache_size")
        if name in parameters
    ]
    return {"statement_cache_size": min(sizes)} if sizes else {}
