"""Check the addresses of backing services when the settings are read, using their adapters.

Every function returns its argument.
"""

import ssl

from adapters.postgres.targets import targets_of
from adapters.security.issuer_urls import check_url as check_issuer
from adapters.smtp.server import parse_server
from libraries.redis_client.urls import check_url


def postgresql(text: str) -> str:
    """Check a PostgreSQL URL.

    Raises:
        ValueError: parameters are unknown or invalid. The error lists all of them.
    """
    targets_of(text)
    return text


def redis(text: str) -> str:
    """Check a Redis URL.

    Raises:
        ValueError: it is not a Redis URL, or a parameter is unknown or invalid.
    """
    check_url(text)
    return text


def smtp(text: str) -> str:
    """Check a mail server's URL.

    Raises:
        ValueError: it is not the URL of a mail server, or has an unknown parameter.
    """
    parse_server(text)
    return text


def issuer(text: str) -> str:
    """Check the URL of an issuer of tokens.

    Raises:
        ValueError: it is not an https URL, or has other parts than a path.
    """
    check_issuer(text)
    return text


def authorities(text: str) -> str:
    """Check a file of certificate authorities in PEM format.

    Raises:
        ValueError: the file cannot be read, or does not contain a certificate.
    """
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"names a file without a certificate in PEM ({text})") from None
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({text}: {error.strerror})") from None
    return text
