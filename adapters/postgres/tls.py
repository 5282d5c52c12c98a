"""Configure TLS for PostgreSQL using libpq's parameters (see 34.19, SSL Support)."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_FOLDER: Final = Path("~/.postgresql")
#: Parameters for the driver's own TLS support, which can fall back to plain text.
_ADVISORY: Final = (
    "sslcert",
    "sslkey",
    "sslpassword",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)


def context_of(parameters: Mapping[str, str], mode: str) -> ssl.SSLContext | str | bool:
    """Return the driver's `ssl` argument, which is a context if TLS is required, or else a mode.

    Raises:
        ValueError: a file is missing or has the wrong content, or two parameters contradict each
            other.
    """
    if mode == "disable":
        return False
    context = _context(parameters, mode)
    return mode if mode in {"allow", "prefer"} else context


def advisory_url(parameters: Mapping[str, str]) -> str | None:
    """Return a URL with TLS parameters that the driver only accepts in a URL, or None."""
    given = {name: parameters[name] for name in _ADVISORY if name in parameters}
    if not given:
        return None
    from urllib.parse import urlencode  # noqa: PLC0415 - rarely needed

    return f"postgresql://?{urlencode(given)}"


def _context(parameters: Mapping[str, str], mode: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    context.set_alpn_protocols(["postgresql"])
    _set_versions(context, parameters)
    _trust(context, parameters, mode)
    if crl := parameters.get("sslcrl") or _default_file("root.crl"):
        _load("sslcrl", crl, context)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if parameters.get("sslcertmode") != "disable":
        _identify(context, parameters)
    return context


def _set_versions(context: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    def version(name: str, default: str) -> ssl.TLSVersion:
        return ssl.TLSVersion[parameters.get(name, default).replace(".", "_")]

    context.minimum_version = version("ssl_min_protocol_version", "TLSv1.2")
    if "ssl_max_protocol_version" in parameters:
        context.maximum_version = version("ssl_max_protocol_version", "")
        if context.maximum_version < context.minimum_version:
            raise ValueError("ssl_max_protocol_version is below ssl_min_protocol_version")


def _trust(context: ssl.SSLContext, parameters: Mapping[str, str], mode: str) -> None:
    authorities = parameters.get("sslrootcert")
    if authorities == "system":
        if mode != "verify-full":
            raise ValueError("sslrootcert=system needs sslmode=verify-full")
        context.load_default_certs()
    elif authorities := authorities or _default_file("root.crt"):
        _load("sslrootcert", authorities, context)
        if mode in {"allow", "prefer"}:
            context.verify_mode = ssl.CERT_NONE
    elif mode.startswith("verify-"):
        raise ValueError(f"sslmode={mode} needs sslrootcert: a file of authorities, or system")
    else:
        context.verify_mode = ssl.CERT_NONE


def _identify(context: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    """Load the client's own certificate, if there is one."""
    certificate = parameters.get("sslcert") or _default_file("postgresql.crt")
    if certificate is None:
        return
    key = parameters.get("sslkey") or _default_file("postgresql.key")
    try:
        context.load_cert_chain(
            certificate, key, password=lambda: parameters.get("sslpassword", "")
        )
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ValueError(
            f"sslcert and sslkey are no certificate with its key ({certificate}, {key})"
        ) from None


def _load(name: str, file: str, context: ssl.SSLContext) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except OSError:
        raise ValueError(f"{name} names a file without a certificate in PEM ({file})") from None


def _default_file(name: str) -> str | None:
    """Return the file in the home folder that libpq would read by default, or None."""
    try:
        path = (_FOLDER / name).expanduser()
        return str(path) if path.is_file() else None
    except (OSError, RuntimeError):
        return None
