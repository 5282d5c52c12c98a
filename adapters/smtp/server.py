"""Mail server settings."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_PORTS: Final = {"smtp": 25, "smtps": 465}
#: The values for `?starttls=` and aiosmtplib's argument. None upgrades if the server supports it.
_STARTTLS: Final[dict[str, bool | None]] = {"required": True, "auto": None, "off": False}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, how to log in, and how the connection is encrypted."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    #: Whether to use TLS right from the start (RFC 8314, section 3.3).
    is_tls: bool
    starttls: bool | None


def parse_server(url: str) -> SmtpServer:
    """Parse `smtp[s]://[user:password@]host[:port][?starttls=required|auto|off]`.

    The default for `starttls` is `required` if there is a password, and `auto` otherwise.

    Raises:
        ValueError: the URL is invalid. The message doesn't contain the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        raise ValueError("must have a host, and a port from 1 to 65535") from None
    if port is None or parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
        raise ValueError("must be smtp://[user:password@]host[:port], or smtps://")
    options = parse_qs(parts.query, keep_blank_values=True)
    starttls = options.pop("starttls", ["required" if parts.password else "auto"])[-1]
    if options:
        raise ValueError(f"has an unknown parameter: {', '.join(sorted(options))}")
    if starttls not in _STARTTLS:
        raise ValueError("has a starttls that is not required, auto or off")
    is_tls = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        is_tls=is_tls,
        starttls=False if is_tls else _STARTTLS[starttls],
    )
