"""The hosts of a PostgreSQL URL, as arguments of the driver."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.postgres.parameters import parse_parameters
from adapters.postgres.tls import advisory_url, context_of
from adapters.postgres.urls import DEFAULT_PORT, split_url

#: Not a parameter of PostgreSQL: `off` ignores the environment's PG* variables. The URL of the
#: embedded database has it.
PG_VARIABLES: Final = "pg_variables"
#: libpq's parameters of socket options.
_SOCKET: Final = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One host of a URL: the driver's arguments, and settings without such an argument."""

    arguments: Mapping[str, Any]
    #: Values of libpq's keepalive parameters, in libpq's units; 0 is the system's default.
    socket_options: Mapping[str, int]
    connect_seconds: float | None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None for a Unix socket, or if the driver chooses the host."""
        host = self.arguments["host"]
        is_tcp = host is not None and not host.startswith("/")
        return (host, self.arguments["port"]) if is_tcp else None


def targets_of(url: str) -> list[Target]:
    """Return the hosts of a URL, in its order.

    Each is a target of its own, so that a silent host cannot use up the time of the others. The
    environment's PG* variables replace parameters that the URL does not have, as in libpq.

    Raises:
        ValueError: it is not a PostgreSQL URL, or a parameter is not supported.
    """
    given = split_url(url)
    reads_environment = given.pop(PG_VARIABLES, "on") != "off"
    parameters = parse_parameters(given, os.environ if reads_environment else {})
    if not reads_environment:
        parameters.setdefault("password", "")  # without one, the driver reads PGPASSWORD
    return [_target(parameters, *host) for host in _hosts(parameters)]


def is_balanced(url: str) -> bool:
    """Whether the hosts are tried in random order."""
    return split_url(url).get("load_balance_hosts") == "random"


def _hosts(parameters: Mapping[str, str]) -> list[tuple[str | None, str | None, int]]:
    """Return the address, the name to verify, and the port of each host."""
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
    # libpq ignores TLS parameters on a Unix socket; the driver does not.
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
        # The service needs a server that takes writes, unless the URL has another value.
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
