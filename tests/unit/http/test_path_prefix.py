"""The prefix that a proxy adds to every path."""

from ipaddress import ip_network
from typing import Any, cast

import pytest

from entrypoints.http.links import prefix_of
from entrypoints.http.proxies.path_prefix import PathPrefixMiddleware

PROXY = ("10.0.0.1", 5000)
STRANGER = ("192.0.2.1", 5000)


async def seen(
    path: str = "/orders/",
    root_path: str = "",
    *forwarded: str,
    client: tuple[str, int] | None = PROXY,
    server_prefix: str = "",
) -> tuple[str, str, str]:
    """Return the path, the raw path and the prefix that reach the application."""
    found: list[Any] = []

    async def app(scope: Any, _: object, __: object) -> None:
        found.append(scope)

    layer = PathPrefixMiddleware(
        cast("Any", app), root_path, (ip_network("10.0.0.0/8"),), {"orders", "docs", ""}
    )
    headers = [(b"x-forwarded-prefix", each.encode()) for each in forwarded]
    scope = {
        "type": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": server_prefix,
        "client": client,
        "headers": headers,
    }
    await layer(cast("Any", scope), cast("Any", None), cast("Any", None))
    return found[0]["path"], found[0]["raw_path"].decode(), prefix_of(found[0])


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/orders/", "", "/orders/"),
        ("/orders/", "/shop", "/orders/"),
        ("/shop/orders/", "/shop", "/orders/"),
        ("/shop", "/shop", "/"),
        ("/shopping/orders/", "/shop", "/shopping/orders/"),
        ("/shop/shop/", "/shop", "/shop/"),
        ("/orders/1/", "/orders", "/orders/1/"),
        ("/a/b/orders/", "/a/b", "/orders/"),
    ],
)
async def test_a_path_is_served_with_the_prefix_and_without(
    path: str, root_path: str, expected: str
) -> None:
    assert await seen(path, root_path) == (expected, expected, root_path)


@pytest.mark.parametrize(
    ("lines", "prefix"),
    [
        (["/shop"], "/shop"),
        (["/shop/"], "/shop"),
        (["/outer, /inner"], "/outer/inner"),
        (["/outer", "/inner"], "/outer/inner"),
        (["/"], ""),
    ],
)
async def test_the_prefix_of_a_trusted_proxy_is_used(lines: list[str], prefix: str) -> None:
    assert await seen("/orders/", "/root", *lines) == ("/orders/", "/orders/", prefix)


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        "//evil.example.com",
        "/a//b",
        "/a?b",
        "/a#b",
        "/../b",
        "/a\\b",
        "http://evil/",
        '/"><script>',
        "/x" * 200,
        "/%2F%2Fevil",
    ],
)
async def test_an_invalid_prefix_is_ignored(line: str) -> None:
    assert (await seen("/orders/", "/root", line))[2] == "/root"


async def test_the_prefix_of_an_untrusted_peer_is_ignored() -> None:
    assert (await seen("/orders/", "", "/shop", client=STRANGER))[2] == ""
    assert (await seen("/orders/", "", "/shop", client=None))[2] == ""


async def test_a_servers_own_prefix_is_removed_once() -> None:
    """ASGI servers add their root path to every path."""
    for server_prefix in ("/orders", "/orders/"):
        assert await seen("/orders/orders/", server_prefix=server_prefix) == (
            "/orders/",
            "/orders/",
            "/orders",
        )
