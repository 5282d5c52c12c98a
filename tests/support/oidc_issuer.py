"""A small OpenID Connect issuer on the loopback address."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE: Final = "orders"
METADATA: Final = "/.well-known/openid-configuration"
KEYS: Final = "/keys"
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key pair with an id. `algorithm` is the one that it signs with by default."""

    kid: str
    algorithm: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key."""
        kinds: Mapping[str, Any] = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
        kind = OKPAlgorithm if self.algorithm == "EdDSA" else kinds[self.algorithm[0]]
        jwk: dict[str, Any] = kind.to_jwk(self.private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}


def a_key(algorithm: str = "RS256", kid: str = "first") -> IssuerKey:
    """Return a key, always the same one for the same arguments."""
    return _new_key(algorithm, kid)


@cache
def _new_key(algorithm: str, kid: str) -> IssuerKey:
    private: Any
    if algorithm == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
    elif algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, 2048)
    return IssuerKey(kid, algorithm, private)


@dataclass
class Issuer:
    """The issuer's state, which tests can change at any time."""

    url: str
    keys: list[IssuerKey] = field(default_factory=lambda: [a_key()])
    #: Members of the metadata in place of the right ones.
    metadata: dict[str, Any] = field(default_factory=dict)
    #: Raw responses by path: status, headers and body.
    answers: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    #: The paths of all requests.
    requests: list[str] = field(default_factory=list)
    #: Requests wait until this is set.
    is_open: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return the response to a request."""
        self.requests.append(path)
        self.is_open.wait(60)
        documents: Mapping[str, Any] = {
            METADATA: {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}", **self.metadata},
            KEYS: {"keys": [key.jwk for key in self.keys]},
        }
        if path in self.answers:
            return self.answers[path]
        if path not in documents:
            return 404, {}, b""
        return 200, {"Content-Type": "application/json"}, json.dumps(documents[path]).encode()

    def claims(self, **changed: object) -> dict[str, Any]:
        """Return the claims of a valid token. None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": [AUDIENCE, "account"],
            "sub": f"subject-{uuid4()}",
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 300,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        key: IssuerKey | None = None,
        header: Mapping[str, object] | None = None,
        **changed: object,
    ) -> str:
        """Return a token that is signed with the first key, or with another one."""
        key = key or self.keys[0]
        headers: dict[str, Any] = {"typ": "at+jwt", "kid": key.kid, **(header or {})}
        if headers["kid"] is None:
            del headers["kid"]
        return jwt.encode(self.claims(**changed), key.private, key.algorithm, headers)

    def close(self) -> None:
        """Make every request fail."""
        self.answers |= {path: (503, {}, b"") for path in (METADATA, KEYS)}

    def reopen(self) -> None:
        """Answer requests as usual."""
        self.answers.clear()


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Run an issuer in threads."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
    issuer.is_open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = issuer.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server.RequestHandlerClass = Handler
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.is_open.set()
        server.shutdown()
        server.server_close()
        thread.join()
