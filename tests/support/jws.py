"""Write and read JSON Web Signatures (RFC 7515), even invalid ones."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

HASHES: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def jws(header: object, payload: object, key: bytes, algorithm: str = "HS256") -> str:
    """Return a signed token. `header` and `payload` are raw bytes, or values to write as JSON."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), HASHES[algorithm]))}"


def base64url(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a token's header, payload and encoded signature."""
    header, payload, signature = token.split(".")
    return decoded(header), decoded(payload), signature


def without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the members except one."""
    return {each: value for each, value in members.items() if each != name}


def twice(members: Mapping[str, Any], name: str, last: object) -> bytes:
    """Return an object in which the member comes twice, the second time with the value `last`."""
    return f"{json.dumps(members)[:-1]}, {json.dumps(name)}: {json.dumps(last)}}}".encode()


def encoded(part: object) -> str:
    """Return raw bytes, or a value as JSON, in base64url."""
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def decoded(part: str) -> dict[str, Any]:
    """Return the object in a part of a token."""
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(f"{part}=="))
    return value
