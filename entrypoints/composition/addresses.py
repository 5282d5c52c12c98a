"""Addresses of backing services, checked by their adapters when the settings are read.

Every function returns its argument.
"""

import ssl

from adapters.postgres.targets import targets_of
from adapters.smtp.server import parse_server
from libraries.redis_client.urls import check_url


def postgresql(text: str) -> str:
    """Check a URL of PostgreSQL.

    Raises:
        ValueError: with every parameter that is unknown or invalid.
    """
    targets_of(text)
    return text


def redis(text: str) -> str:
    """Check a URL of Redis.

    Raises:
        ValueError: it is no URL of Redis, or a parameter is unknown or invalid.
    """
    check_url(text)
    return text


def smtp(text: str) -> str:
    """Check a URL of a mail server.

    Raises:
        ValueError: it is no URL of a mail server, or has an unknown parameter.
    """
    parse_server(text)
    return text


def authorities(text: str) -> str:
    """Check a file of certificate authorities (PEM).

    Raises:
        ValueError: the file cannot be read, or has no certificate.
    """
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"names a file without a certificate in PEM ({text})") from None
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({text}: {error.strerror})") from None
    return text
