"""The parameters that can be used in a PostgreSQL URL, and how to parse them.

These are libpq's parameters in PostgreSQL 16 to 18 (see 34.1.2, Parameter Key Words), SQLAlchemy's
`ssl`, and the sizes of the statement caches. Parameters that the driver doesn't support are
rejected instead of ignored, because most of them are there to protect something.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: libpq's `sslmode`, from weakest to strongest.
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
#: Methods that the driver always accepts, because it doesn't have an equivalent to `require_auth`.
_AUTHENTICATION: Final = frozenset({"password", "md5", "scram-sha-256", "none"})

_Parser = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """How to parse a parameter, and the environment variable that contains its default."""

    parse: _Parser
    variable: str | None = None


def _text(value: str) -> str:
    return value


def _one_of(*values: str) -> _Parser:
    def parse(value: str) -> str:
        if value not in values:
            raise ValueError(f"must be {' or '.join(values)}")
        return value

    return parse


def _refused(reason: str) -> _Parser:
    def parse(_: str) -> str:
        raise ValueError(reason)

    return parse


def _number(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("must be a whole number, 0 or more")
    return value


def _timeout(value: str) -> str:
    return _number(value.removeprefix("-"))  # in libpq, negative numbers disable the timeout


def _ports(value: str) -> str:
    for port in value.split(","):
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError("must be a port, or one for each host")
    return value


def _file(value: str) -> str:
    try:
        with Path(value).expanduser().open("rb"):
            return str(Path(value).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"names a file that cannot be read ({value}: {reason})") from None


def _authorities(value: str) -> str:
    return value if value == "system" else _file(value)


def _ssl(value: str) -> str:
    """Parse SQLAlchemy's `ssl`. libpq also accepts `true`, which comes from JDBC."""
    return "require" if value == "true" else _one_of(*SSL_MODES)(value)


def _authentication(value: str) -> str:
    named = {each.strip() for each in value.split(",")}
    refused = {each.removeprefix("!") for each in named if each.startswith("!")}
    if refused & _AUTHENTICATION or not (refused or named >= _AUTHENTICATION):
        allowed = ",".join(sorted(_AUTHENTICATION))
        raise ValueError(f"cannot be enforced by the driver: leave it out, or allow {allowed}")
    return value


def _channel_binding(value: str) -> str:
    if value == "require":
        raise ValueError("cannot be required of the driver: leave it out")
    return _one_of("disable", "prefer")(value)


def _encoding(value: str) -> str:
    if value.lower().replace("-", "") not in {"utf8", "unicode", "auto"}:
        raise ValueError("must be UTF8")
    return value


_OFF: Final = _one_of("0")
_UNSUPPORTED: Final = "is not supported: leave it out"

_SUPPORTED: Final[Mapping[str, _Parameter]] = {
    # Address and role.
    "host": _Parameter(_text, "PGHOST"),
    "hostaddr": _Parameter(_text),
    "port": _Parameter(_ports, "PGPORT"),
    "dbname": _Parameter(_text, "PGDATABASE"),
    "user": _Parameter(_text, "PGUSER"),
    "password": _Parameter(_text, "PGPASSWORD"),
    "passfile": _Parameter(_file, "PGPASSFILE"),
    "service": _Parameter(_refused("is not supported: give its parameters in the URL")),
    "servicefile": _Parameter(_refused("is not supported: give its parameters in the URL")),
    "target_session_attrs": _Parameter(_one_of("any", "read-write", "primary")),
    "load_balance_hosts": _Parameter(_one_of("disable", "random")),
    # Session.
    "application_name": _Parameter(_text),
    "fallback_application_name": _Parameter(_text),
    "client_encoding": _Parameter(_encoding),
    "options": _Parameter(_text),
    "replication": _Parameter(_one_of("false", "off", "no", "0")),
    "min_protocol_version": _Parameter(_one_of("3.0")),
    "max_protocol_version": _Parameter(_one_of("3.0", "3.2", "latest")),
    "prepared_statement_cache_size": _Parameter(_number),
    "statement_cache_size": _Parameter(_number),
    # Socket.
    "connect_timeout": _Parameter(_timeout),
    "keepalives": _Parameter(_number),
    "keepalives_idle": _Parameter(_number),
    "keepalives_interval": _Parameter(_number),
    "keepalives_count": _Parameter(_number),
    "tcp_user_timeout": _Parameter(_number),
    # TLS.
    "sslmode": _Parameter(_one_of(*SSL_MODES), "PGSSLMODE"),
    "requiressl": _Parameter(_refused("is not supported: set sslmode=require")),
    "sslnegotiation": _Parameter(_one_of("postgres", "direct"), "PGSSLNEGOTIATION"),
    "sslrootcert": _Parameter(_authorities, "PGSSLROOTCERT"),
    "sslcert": _Parameter(_file, "PGSSLCERT"),
    "sslkey": _Parameter(_file, "PGSSLKEY"),
    "sslpassword": _Parameter(_text),
    "sslcrl": _Parameter(_file, "PGSSLCRL"),
    "sslcrldir": _Parameter(_refused("is not supported: set sslcrl")),
    "sslcertmode": _Parameter(_one_of("disable", "allow")),
    "sslcompression": _Parameter(_OFF),
    "sslsni": _Parameter(_one_of("1")),
    "sslkeylogfile": _Parameter(_refused(_UNSUPPORTED)),
    "ssl_min_protocol_version": _Parameter(_one_of(*_TLS_VERSIONS), "PGSSLMINPROTOCOLVERSION"),
    "ssl_max_protocol_version": _Parameter(_one_of(*_TLS_VERSIONS), "PGSSLMAXPROTOCOLVERSION"),
    # Authentication.
    "require_auth": _Parameter(_authentication),
    "channel_binding": _Parameter(_channel_binding),
    "requirepeer": _Parameter(_refused(_UNSUPPORTED)),
    "gssencmode": _Parameter(_one_of("disable", "prefer")),
    "gssdelegation": _Parameter(_OFF),
    "gsslib": _Parameter(_one_of("gssapi"), "PGGSSLIB"),
    "krbsrvname": _Parameter(_text, "PGKRBSRVNAME"),
    "scram_client_key": _Parameter(_refused(_UNSUPPORTED)),
    "scram_server_key": _Parameter(_refused(_UNSUPPORTED)),
    "oauth_issuer": _Parameter(_refused(_UNSUPPORTED)),
    "oauth_client_id": _Parameter(_refused(_UNSUPPORTED)),
    "oauth_client_secret": _Parameter(_refused(_UNSUPPORTED)),
    "oauth_scope": _Parameter(_refused(_UNSUPPORTED)),
}


def parse_parameters(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Parse the parameters of a URL. Empty parameters are ignored, just like in libpq.

    Variables in `environment`, such as `PGSSLMODE`, are used if the URL doesn't contain the
    corresponding parameter.

    Raises:
        ValueError: there are unknown, unsupported or invalid parameters. The message contains all
            of them, but doesn't contain passwords.
    """
    found: dict[str, str] = {}
    errors: list[str] = []
    given = {name: value for name, value in given.items() if value or name not in _SUPPORTED}
    wanted = {(name, name): value for name, value in given.items()}
    for name, parameter in _SUPPORTED.items():
        if name not in given and parameter.variable and environment.get(parameter.variable):
            shown = f"{name} (the variable {parameter.variable})"
            wanted[name, shown] = environment[parameter.variable]
    for (name, shown), value in wanted.items():
        try:
            found[name] = _parser(name)(value)
        except ValueError as error:
            errors.append(f"{shown} {error}")
    if errors:
        raise ValueError("; ".join(errors))
    return found


def canonical(name: str, value: str) -> tuple[str, str]:
    """Rename a parameter to libpq's name. Other drivers use the names `ssl` and `database`.

    Raises:
        ValueError: the value of `ssl` is invalid.
    """
    if name == "ssl" and value:
        try:
            return "sslmode", _ssl(value)
        except ValueError as error:
            raise ValueError(f"ssl {error}") from None
    return {"database": "dbname", "ssl": "sslmode"}.get(name, name), value


def _parser(name: str) -> _Parser:
    known = _SUPPORTED.get(name)
    return known.parse if known else _refused("is no parameter of PostgreSQL: leave it out")
