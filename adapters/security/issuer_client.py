"""Fetches the keys of an OpenID Connect issuer."""

import asyncio
import json
import ssl
from typing import Any, Final

import httpx

from adapters.security.issuer_urls import check_url, is_secure
from adapters.security.jwk_set import KeySet, parse_key_set

#: The time limit for the metadata and the keys together.
FETCH_SECONDS: Final = 10.0
#: The largest known documents have about 20 KiB.
MAX_BYTES: Final = 256 * 1024

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


class IssuerError(Exception):
    """The issuer is unreachable, or its documents cannot be used."""

    server = "the outside issuer"


class IssuerClient:
    """Reads an issuer's metadata (OpenID Connect Discovery, section 4) and its keys (RFC 7517).

    Redirects are not followed, and proxies in the environment are not used.
    """

    def __init__(self, issuer: str, seconds: float = FETCH_SECONDS) -> None:
        self._issuer = issuer
        self._seconds = seconds
        self._tls: ssl.SSLContext | None = None

    async def fetch(self) -> KeySet:
        """Return the current keys.

        Raises:
            IssuerError: the message has the reason.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._keys()
        except TimeoutError:
            raise IssuerError(f"no answer within {self._seconds:g} s") from None
        # A RecursionError comes from deeply nested JSON.
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            raise IssuerError(str(error) or type(error).__name__) from error

    async def _keys(self) -> KeySet:
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)  # reads a large file
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=self._seconds
        ) as client:
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = json.loads(await _body(client, url))
            return parse_key_set(await _body(client, self._keys_url(metadata)))

    def _keys_url(self, metadata: Any) -> str:
        """Return the address of the keys.

        Raises:
            ValueError: the metadata belongs to another issuer (RFC 8414, section 3.3), or the
                address is missing or less secure than the issuer's own.
        """
        if not isinstance(metadata, dict) or metadata.get("issuer") != self._issuer:
            raise ValueError("the metadata has another issuer than OIDC_ISSUER")
        url = metadata.get("jwks_uri")
        if not isinstance(url, str):
            raise ValueError("the metadata has no jwks_uri")  # noqa: TRY004 - it is a value
        check_url(url)
        if is_secure(self._issuer) and not is_secure(url):
            raise ValueError("the issuer's jwks_uri is not https")
        return url


async def _body(client: httpx.AsyncClient, url: str) -> bytes:
    """Return a document.

    Raises:
        ValueError: the response is not 200, has a content coding, or is too large.
    """
    async with client.stream("GET", url, headers=_HEADERS) as response:
        if response.status_code != 200:
            raise ValueError(f"{url} answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ValueError(f"{url} answered with a content coding")
        body = bytearray()
        async for chunk in response.aiter_raw(chunk_size=16 * 1024):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError(f"{url} answered with more than {MAX_BYTES} bytes")
    return bytes(body)
