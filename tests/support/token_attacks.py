"""Tokens that must never be accepted (RFC 8725, JSON Web Token Best Current Practices).

Each function returns tokens by the name of the attack, made from a genuine token.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.support.jws import HASHES, base64url, encoded, jws, parts_of, twice, without

ATTACKER_KEY: Final = b"a key that only the attacker knows"
_PEM: Final = b"""\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
#: Public keys, which an attacker can use as an HMAC secret if the verifier lets the token choose
#: the algorithm (RFC 8725, section 3.1).
PUBLIC_KEYS: Final = (
    _PEM,
    b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
)
_NONE: Final[Sequence[object]] = (
    "none",
    "None",
    "NONE",
    "nOnE",
    " none",
    "none\0",
    "",
    None,
    ["none"],
    {},
    0,
)
_ASYMMETRIC: Final = ("RS256", "RS512", "PS256", "ES256", "ES256K", "EdDSA", "Ed25519")
_KIDS: Final[Mapping[str, object]] = {
    "a path": "../../../../../../dev/null",
    "an absolute path": "/proc/self/environ",
    "a URL": "https://attacker.example/key",
    "SQL": "x' UNION SELECT 'a key that only the attacker knows' --",
    "a command": "key; cat /etc/passwd |",
    "NUL": "\0",
    "empty": "",
    "null": None,
    "long": "k" * 7000,
    "an array": ["k"],
    "an object": {"k": 1},
    "a number": 0,
    "true": True,
    "a surrogate": "\ud800",
    "a digit that is not ASCII": "\u0661" * 8,
}
_JWK: Final = {"kty": "oct", "k": base64.urlsafe_b64encode(ATTACKER_KEY).rstrip(b"=").decode()}
_EMBEDDED: Final[Mapping[str, object]] = {
    "jwk": _JWK,
    "jku": "https://attacker.example/jwks.json",
    "x5u": "https://attacker.example/certificate.pem",
    "x5c": [base64.b64encode(ATTACKER_KEY).decode()],
    "x5t": "attacker",
}


def forged(genuine: str, public_keys: Sequence[bytes] = PUBLIC_KEYS) -> dict[str, str]:
    """Return tokens that an attacker can make without the secret."""
    header, payload, signature = parts_of(genuine)
    return {
        **dict(_unsigned(header, payload, signature)),
        **dict(_other_algorithms(header, payload, signature, public_keys)),
        **{
            f"kid is {name}": jws(header | {"kid": kid}, payload, ATTACKER_KEY)
            for name, kid in _KIDS.items()
        },
        "kid of an empty file": jws(header | {"kid": _KIDS["a path"]}, payload, b""),
        "no kid": jws(without(header, "kid"), payload, ATTACKER_KEY),
        **{
            f"embedded {name}": jws(header | {name: value}, payload, ATTACKER_KEY)
            for name, value in _EMBEDDED.items()
        },
        "duplicate alg": jws(twice(header, "alg", "none"), payload, ATTACKER_KEY),
        "unencoded payload (RFC 7797)": jws(
            header | {"b64": False, "crit": ["b64"]}, payload, ATTACKER_KEY
        ),
        "another payload": _swapped(genuine, payload | {"sub": payload["jti"]}),
    }


def misspelled(genuine: str) -> dict[str, str]:
    """Return other spellings of a genuine token, and other serialisations."""
    header, payload, signature = genuine.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bits = last[last.index(signature[-1]) ^ 1]
    json_form = {"protected": header, "payload": payload, "signature": signature}
    return {
        "padding": f"{genuine}=",
        "more padding": f"{genuine}====",
        "padding inside": f"{header}=.{payload}.{signature}",
        "unused bits set": f"{genuine[:-1]}{same_bits}",
        "a space inside": f"{header}. {payload}.{signature}",
        "a character that base64 ignores": f"{header}.{payload}.{signature}!",
        "a fourth part": f"{genuine}.",
        "five parts, like a JWE": f"{header}.{payload}.{signature}..",
        "no signature": f"{header}.{payload}.",
        "no last dot": f"{header}.{payload}",
        "two signatures": f"{genuine}{signature}",
        "upper case": genuine.upper(),
        "the JSON serialisation": json.dumps(json_form),
        "a nested token": f"{header}.{base64url(genuine.encode())}.{signature}",
        "two tokens": f"{genuine} {genuine}",
        "a comma": f"{genuine},",
        "quotes": f'"{genuine}"',
        "oversized": f"{header}.{payload}.{signature * 200}",
    }


def misissued(genuine: str, key: bytes, now: int) -> dict[str, str]:
    """Return tokens with a valid signature that aren't access tokens for this service now.

    `now` is in seconds since 1970.
    """
    header, payload, _ = parts_of(genuine)
    day = 86_400
    changes: Mapping[str, Mapping[str, object]] = {
        "expired": {"exp": now - 1},
        "expires at this moment": {"exp": now},
        "expired long ago": {"exp": -(10**12)},
        "exp is a string": {"exp": str(now + day)},
        "exp is null": {"exp": None},
        "exp is true": {"exp": True},
        "exp is an array": {"exp": [now + day]},
        "exp is huge": {"exp": 10**30},
        "exp is infinite": {"exp": float("inf")},
        "exp is not a number": {"exp": float("nan")},
        "nbf is in the future": {"nbf": now + day},
        "nbf is infinite": {"nbf": float("inf")},
        "iat is in the future": {"iat": now + day},
        "iat is huge": {"iat": 10**30},
        "iat is a string": {"iat": "now"},
        **{
            f"{name} is {str(value).replace(str(payload[name]), '...')!r}": {name: value}
            for name in ("iss", "aud")
            for value in _objects(
                *("", "somebody-else", "Order-Management-Service", None, 0, True, {}),
                *([], [payload[name]], [payload[name], "somebody-else"], f"{payload[name]} "),
                *(f"{payload[name]}/", "*"),
            )
        },
        **{
            f"{name} is {str(value).replace(str(payload[name]), '...')!r}": {name: value}
            for name in ("sub", "jti", "fam")
            for value in _objects(
                "", "admin", "' OR 1=1 --", "\0", None, 0, [payload[name]], {}, "9" * 36
            )
        },
        "oversized": {"padding": "x" * 8192},
    }
    types: tuple[object, ...] = (
        "JWT",
        "jwt",
        "rt+jwt",
        "logout+jwt",
        "",
        None,
        0,
        ["at+jwt"],
        "at+jwt ",
    )
    return {
        **{name: jws(header, {**payload, **changed}, key) for name, changed in changes.items()},
        **{f"without {name}": jws(header, without(payload, name), key) for name in payload},
        **{f"typ is {each!r}": jws(header | {"typ": each}, payload, key) for each in types},
        "no typ": jws(without(header, "typ"), payload, key),
        "an unknown extension": jws(header | {"crit": ["x"], "x": 1}, payload, key),
        "a payload that is an array": jws(header, [payload], key),
        "a payload that is not JSON": jws(header, b"{", key),
        "a deep payload": jws(header, b"[" * 2000, key),
        "a payload with a long number": jws(header, b'{"exp":%s}' % (b"9" * 5000), key),
        "duplicate exp": jws(header, twice(payload, "exp", now - 1), key),
        **{
            f"signed with {algorithm}": jws(header | {"alg": algorithm}, payload, key, algorithm)
            for algorithm in ("HS384", "HS512")
        },
    }


def _unsigned(
    header: Mapping[str, Any], payload: Mapping[str, Any], signature: str
) -> Iterator[tuple[str, str]]:
    for algorithm in _NONE:
        unsigned = f"{encoded({**header, 'alg': algorithm})}.{encoded(payload)}"
        yield f"alg {algorithm!r} without a signature", f"{unsigned}."
        yield f"alg {algorithm!r} with the signature", f"{unsigned}.{signature}"
    yield "no alg", f"{encoded(without(header, 'alg'))}.{encoded(payload)}."


def _other_algorithms(
    header: Mapping[str, Any],
    payload: Mapping[str, Any],
    signature: str,
    public_keys: Sequence[bytes],
) -> Iterator[tuple[str, str]]:
    for algorithm in HASHES:
        named = {**header, "alg": algorithm}
        yield f"{algorithm} with another key", jws(named, payload, ATTACKER_KEY, algorithm)
        for number, key in enumerate(public_keys):
            name = f"{algorithm} with public key {number}"
            yield name, jws(named, payload, key, algorithm)
    for algorithm in _ASYMMETRIC:
        unsigned = f"{encoded({**header, 'alg': algorithm})}.{encoded(payload)}"
        yield f"{algorithm} with the signature", f"{unsigned}.{signature}"
        yield f"{algorithm} with zeros", f"{unsigned}.{base64url(bytes(64))}"


def _objects(*values: object) -> Sequence[object]:
    return values


def _swapped(genuine: str, payload: object) -> str:
    header, _, signature = genuine.split(".")
    return f"{header}.{encoded(payload)}.{signature}"
