"""Links stay on the service's host, regardless of the requested path."""

from urllib.parse import urljoin, urlsplit

import pytest

from entrypoints.http.links import PATH_PREFIX, link, requested_path

BASE = "http://shop.example.com/orders/1/"
STRANGE = [
    "//evil.example.com/",
    "///evil",
    "/\\evil.example.com/",
    "\\\\evil",
    "/%2F%2Fevil/",
    "//%5Cevil",
    "/.//evil",
    "/..//evil",
    "http://evil.example.com/orders/",
    "//user@evil/",
    "/a\tb",
    '/"><script>',
    "*",
    "",
    "evil:80/",
    "javascript:alert(1)",
    "/\u00e9",
]


@pytest.mark.parametrize("path", STRANGE)
@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_a_link_stays_on_this_host(path: str, prefix: str) -> None:
    scope = {"path": path, "raw_path": path.encode(), PATH_PREFIX: prefix}
    for reference in (link(scope, path), requested_path(scope)):
        assert reference.startswith(f"{prefix}/")
        assert not reference.startswith("//")
        assert set(reference).isdisjoint('\\\t<>"')
        resolved = urlsplit(urljoin(BASE, reference))
        assert (resolved.scheme, resolved.netloc) == ("http", "shop.example.com")


def test_a_plain_path_is_unchanged() -> None:
    path = "/orders/%C3%A9/a-b_c.d~e/"
    assert link({}, path) == path
    assert link({PATH_PREFIX: "/shop"}, "/orders/", "limit=2") == "/shop/orders/?limit=2"
