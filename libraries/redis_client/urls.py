"""Validate Redis URLs and their parameters.

redis-py is not strict enough for this. It accepts any connection argument in a URL, ignores
databases that aren't numbers, and doesn't open files until it connects. This module also rejects
parameters that don't have any effect here.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_DATABASE: Final = re.compile(r"/?|/\d{1,9}/?", re.ASCII)
_SHAPE: Final = "must be redis://user:password@host:6379/0 or rediss://…"

_Check = Callable[[str], object]


def check_url(url: str) -> None:
    """Check a URL and the files it refers to.

    Raises:
        ValueError: it is not a Redis URL, or some parameters are unknown, invalid or don't have an
            effect. The message lists all of them, but never contains the password.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"redis", "rediss"} or not rest:
        raise ValueError(_SHAPE)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{_SHAPE}; encode / ? # [ ] in a password (%2F)") from None
    if not parts.hostname or port == 0 or "," in parts.netloc.rpartition("@")[2]:
        raise ValueError(f"{_SHAPE}, with one host")
    if parts.fragment:
        raise ValueError("must have no #; encode it in a password (%23)")
    if not _DATABASE.fullmatch(unquote(parts.path)):
        raise ValueError("must name its database by a number: redis://host:6379/0")
    _check_parameters(parse_qsl(parts.query, keep_blank_values=True), is_tls=scheme == "rediss")


def _check_parameters(given: list[tuple[str, str]], *, is_tls: bool) -> None:
    faults = []
    for name, value in given:
        try:
            _check_of(name, is_tls=is_tls)(value)
        except ValueError as error:
            faults.append(f"{name} {error}")
    if faults:
        raise ValueError("; ".join(faults))
    _check_pair(dict(given))


def _check_of(name: str, *, is_tls: bool) -> _Check:
    if name in _TLS and not is_tls:
        return _refuse("needs rediss://")
    known = _PLAIN | _TLS
    if name in known:
        return known[name]
    return _refuse("is no parameter of this service's URL of Redis: leave it out")


def _check_pair(given: Mapping[str, str]) -> None:
    certificate, key = given.get("ssl_certfile"), given.get("ssl_keyfile")
    if certificate is None and key is None:
        return
    try:
        ssl.create_default_context().load_cert_chain(
            certificate or key or "", key, password=given.get("ssl_password", "")
        )
    except (OSError, ValueError):
        raise ValueError("ssl_certfile and ssl_keyfile are no certificate with its key") from None


def _refuse(reason: str) -> _Check:
    def check(_: str) -> None:
        raise ValueError(reason)

    return check


def _text(_: str) -> None:
    """Accept any string."""


def _number(value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("must be a whole number, 0 or more")


def _one_of(*values: str) -> _Check:
    def check(value: str) -> None:
        if value not in values:
            raise ValueError(f"must be {' or '.join(values)}")

    return check


def _file(value: str) -> None:
    try:
        Path(value).open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"names a file that cannot be read ({value}: {reason})") from None


def _authorities(value: str) -> None:
    _file(value)
    try:
        ssl.create_default_context(cafile=value)
    except OSError:
        raise ValueError(f"names a file without a certificate in PEM ({value})") from None


def _folder(value: str) -> None:
    if not Path(value).is_dir():
        raise ValueError(f"names no folder ({value})")


def _ciphers(value: str) -> None:
    try:
        ssl.create_default_context().set_ciphers(value)
    except ssl.SSLError:
        raise ValueError("names no cipher of OpenSSL") from None


_PLAIN: Final[dict[str, _Check]] = {
    "db": _number,
    "username": _text,
    "password": _text,
    "client_name": _text,
}
_TLS: Final[dict[str, _Check]] = {
    "ssl_cert_reqs": _one_of("none", "optional", "required"),
    "ssl_check_hostname": _one_of("true", "false", "True", "False"),
    "ssl_ca_certs": _authorities,
    "ssl_ca_path": _folder,
    "ssl_ca_data": _text,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": _text,
    "ssl_ciphers": _ciphers,
    "ssl_min_version": _one_of(*(str(int(each)) for each in ssl.TLSVersion if each > 0)),
}
