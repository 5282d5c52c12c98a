"""The CORS protocol: preflights, and responses that pages may read."""

from typing import Any, cast

import msgspec
import pytest

from entrypoints.http.cors import CorsMiddleware
from entrypoints.http.responses.raw_response import RawResponse

SHOP = "https://shop.example.com"
PREFLIGHT = {"access-control-request-method": "PATCH"}


async def respond(
    *origins: str, method: str = "OPTIONS", origin: str | None = SHOP, **headers: str
) -> tuple[int, dict[str, list[str]], bytes]:
    """Return the response's status, headers and body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    lines = {"origin": origin} if origin is not None else {}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": "/orders/",
        "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
    }
    app = RawResponse.without_body(204, [(b"vary", b"Accept"), (b"allow", b"GET, OPTIONS")])
    await CorsMiddleware(cast("Any", app), origins)(cast("Any", scope), cast("Any", None), send)
    found: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return sent[0]["status"], found, sent[1]["body"]


@pytest.mark.parametrize(
    "name", ["traceparent", "tracestate", "X-Requested-With", "If-Match", "Idempotency-Key"]
)
async def test_a_page_of_an_open_origin_may_send_the_header(name: str) -> None:
    asked = {"access-control-request-headers": f"authorization, {name.lower()}"}
    status, headers, body = await respond(SHOP, **PREFLIGHT, **asked)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == [SHOP]
    assert name in headers["access-control-allow-headers"][0].split(", ")
    assert "PATCH" in headers["access-control-allow-methods"][0].split(", ")
    assert "Origin" in headers["vary"][0]


@pytest.mark.parametrize(
    ("origins", "asked", "reason"),
    [
        ((), {}, "origin"),
        (("https://other.example.com",), {}, "origin"),
        ((SHOP,), {"access-control-request-method": "PUT"}, "PATCH"),
        ((SHOP,), {"access-control-request-headers": "x-forged, if-match"}, "x-forged"),
    ],
)
async def test_a_refused_preflight_is_a_problem_with_a_reason(
    origins: tuple[str, ...], asked: dict[str, str], reason: str
) -> None:
    status, headers, body = await respond(*origins, **{**PREFLIGHT, **asked})
    assert status == 403
    assert headers["content-type"] == ["application/problem+json"]
    assert not [name for name in headers if name.startswith("access-control-")]
    problem = msgspec.json.decode(body)
    assert (problem["code"], problem["status"]) == ("preflight-refused", 403)
    assert problem["instance"] == "/orders/"
    assert reason in problem["detail"]


@pytest.mark.parametrize("origin", [None, SHOP])
async def test_options_without_a_requested_method_is_not_a_preflight(origin: str | None) -> None:
    status, headers, _ = await respond(SHOP, origin=origin)
    assert (status, headers["allow"]) == (204, ["GET, OPTIONS"])


@pytest.mark.parametrize("origin", [SHOP, "https://thief.example.com", None])
async def test_every_response_varies_by_origin_and_keeps_its_own_vary(origin: str | None) -> None:
    _, headers, _ = await respond(SHOP, method="GET", origin=origin)
    assert headers["vary"] == ["Accept", "Origin"]
    assert ("access-control-allow-origin" in headers) == (origin == SHOP)


async def test_the_limits_and_the_challenge_can_be_read() -> None:
    _, headers, _ = await respond(SHOP, method="GET")
    exposed = set(headers["access-control-expose-headers"][0].split(", "))
    assert exposed >= {"ETag", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "X-Request-Id"}


@pytest.mark.parametrize(
    ("allowed", "origin", "is_open"),
    [
        ("*", "https://anywhere.example", True),
        ("https://*.example.com", SHOP, True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evil/.example.com", False),
        (SHOP, "https://shopXexample.com", False),
        (SHOP, f"{SHOP}.evil", False),
        (SHOP, "null", False),
    ],
)
async def test_an_origin_is_compared_as_a_whole(
    allowed: str, origin: str, *, is_open: bool
) -> None:
    _, headers, _ = await respond(allowed, method="GET", origin=origin)
    assert ("access-control-allow-origin" in headers) is is_open
