"""Where a PostgreSQL URL leads to, in the driver's words."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.postgres.parameters import checked
from adapters.postgres.tls import advisory_url, context_of
from adapters.postgres.urls import DEFAULT_PORT, parameters_in

#: Not a parameter of PostgreSQL: with `off`, the host's PG* variables are not read. The embedded
#: database's URL has it.
PG_VARIABLES: Final = "pg_variables"
#: Socket options by parameter of libpq.
_SOCKET: Final = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One host of a URL: the driver's arguments, and bounds that it has no argument for."""

    arguments: Mapping[str, Any]
    #: Values of libpq's keepalive parameters, in its units; 0 = the system's default.
    socket_options: Mapping[str, int]
    connect_seconds: float | None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None for a Unix socket, or if the driver is to find the server."""
        host = self.arguments["host"]
        is_tcp = host is not None and not host.startswith("/")
        return (host, self.arguments["port"]) if is_tcp else None


def targets_of(url: str) -> list[Target]:
    """Return each host of a URL, in its order.

    Each has its own time to answer: with all of them in the driver's hands, a silent first host
    would use up the time of the others. A parameter that the URL does not give is taken from the
    host's PG* variable, as libpq does.

    Raises:
        ValueError: it is no PostgreSQL URL, or a parameter cannot be honoured.
    """
    given = parameters_in(url)
    hears = given.pop(PG_VARIABLES, "on") != "off"
    parameters = checked(given, os.environ if hears else {})
    hosts = _hosts(parameters)
    return [_target(parameters, host, name, port, hears=hears) for host, name, port in hosts]


def is_balanced(url: str) -> bool:
    """Whether the hosts are tried in random order."""
    return parameters_in(url).get("load_balance_hosts") == "random"


def _hosts(parameters: Mapping[str, str]) -> list[tuple[str | None, str | None, int]]:
    """Return what to connect to, the name to verify, and the port, of each host."""
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


def _target(
    parameters: Mapping[str, str], host: str | None, name: str | None, port: int, *, hears: bool
) -> Target:
    is_local = host is not None and host.startswith("/")
    system = parameters.get("sslrootcert") == "system"
    mode = parameters.get("sslmode", "verify-full" if system else "prefer")
    if host != name and mode == "verify-full":
        raise ValueError("hostaddr cannot be used with sslmode=verify-full")
    is_direct = parameters.get("sslnegotiation") == "direct" and not is_local
    if is_direct and mode in {"disable", "allow", "prefer"}:
        raise ValueError("sslnegotiation=direct needs sslmode=require or more")
    # libpq ignores TLS on a Unix socket; the driver does not.
    tls = False if is_local else context_of(parameters, mode)
    arguments = {
        "dsn": advisory_url(parameters) if isinstance(tls, str) else None,
        "host": host,
        "port": port,
        "user": parameters.get("user"),
        "password": parameters.get("password", None if hears else ""),
        "passfile": parameters.get("passfile"),
        "database": parameters.get("dbname"),
        "ssl": tls,
        "direct_tls": is_direct,
        # Only a server that takes writes is of use, unless the URL says otherwise.
        "target_session_attrs": parameters.get("target_session_attrs", "read-write"),
        "krbsrvname": parameters.get("krbsrvname", ""),
        "gsslib": "gssapi",
        "server_settings": _session(parameters),
        **_caches(parameters),
    }
    seconds = int(parameters.get("connect_timeout", "0"))
    options = {each: int(parameters[each]) for each in _SOCKET if each in parameters}
    return Target(arguments, options, float(seconds) if seconds > 0 else None)


def _session(parameters: Mapping[str, str]) -> dict[str, str]:
    found = {"application_name": parameters.get("fallback_application_name", "")}
    found |= {
        name: parameters[name] for name in ("application_name", "options") if name in parameters
    }
    return {name: value for name, value in found.items() if value}


def _caches(parameters: Mapping[str, str]) -> dict[str, int]:
    sizes = [
        int(parameters[name])
        for name in ("statement_cache_size", "prepared_statement_cache_size")
        if name in parameters
    ]
    return {"statement_cache_size": min(sizes)} if sizes else {}
