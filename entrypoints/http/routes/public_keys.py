"""The route for the public keys that verify access tokens."""

from typing import Final

import msgspec
from dishka import FromDishka
from litestar import get

from application.ports.accounts import PublishedKeys
from entrypoints.http.guards import open_to_all
from entrypoints.http.messages.schemas import JwkSet
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.contract import Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.raw_response import RawResponse

#: A new key is published this long before it signs, or longer (see docs/operations.md).
_FIVE_MINUTES: Final = (b"cache-control", b"public, max-age=300")


@get("/.well-known/jwks.json", before_request=open_to_all())
@operation(
    description=(
        "A JWK set (RFC 7517) of Ed25519 keys (RFC 8037). Verifying a token with them doesn't show"
        " whether it has been revoked. The set is empty if the service signs tokens with a secret."
    ),
    answers=(Answer(200, "The public keys.", JwkSet, examples.JWK_SETS, ("Cache-Control",)),),
)
async def read_public_keys(published: FromDishka[PublishedKeys]) -> RawResponse:
    """Read the public keys that verify access tokens."""
    body = msgspec.json.encode({"keys": published.jwks})
    return RawResponse(body, headers=[_FIVE_MINUTES])


ROUTES: Final = Routes("Documents", (read_public_keys,))
