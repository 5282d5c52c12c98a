"""The index, the list of problems, the icon and the assets."""

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.responses.assets import assets, hashed_name
from entrypoints.http.routes.home import PATHS
from tests.support.app import running_app

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with running_app("", MemoryStorageProvider(), RATE_LIMIT_DEFAULT="9/day") as app:
        app.client.headers["Accept-Encoding"] = "identity"
        yield app.client


async def test_a_browser_is_redirected_to_the_documentation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert answer.headers["vary"] == "Accept"


async def test_every_link_of_the_index_has_a_route(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept"
    assert answer.json()["links"] == PATHS
    for path in PATHS.values():
        assert (await client.options(path)).status_code == 204


async def test_the_index_has_a_rate_limit(client: httpx.AsyncClient) -> None:
    assert "ratelimit" in (await client.get("/")).headers
    assert "ratelimit" in (await client.get("/problems/")).headers
    assert "ratelimit" not in (await client.get("/docs")).headers


async def test_the_problems_are_a_page_or_json(client: httpx.AsyncClient) -> None:
    page = await client.get("/problems/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    kinds = (await client.get("/problems/", headers={"Accept": "application/json"})).json()
    assert [kind["code"] for kind in kinds] == [row.code for row in CATALOGUE]
    for kind in kinds:
        assert f'href="{kind["type"]}"' in page.text


async def test_one_problem_is_a_page_or_json_too(client: httpx.AsyncClient) -> None:
    page = await client.get("/problems/rate-limited")
    kind = await client.get("/problems/rate-limited", headers={"Accept": "application/json"})
    assert page.headers["vary"] == kind.headers["vary"] == "Accept"
    assert kind.json()["status"] == 429
    assert kind.json()["remedy"] in page.text.replace("&#x27;", "'")


async def test_the_icon_may_be_cached(client: httpx.AsyncClient) -> None:
    icon = await client.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/x-icon"
    assert icon.content.startswith(b"\0\0\1\0")
    assert "max-age=86400" in icon.headers["cache-control"]
    again = await client.get("/favicon.ico", headers={"If-None-Match": icon.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", list(assets()))
async def test_an_asset_is_compressed_and_cached_for_ever_under_its_hashed_name(
    client: httpx.AsyncClient, name: str
) -> None:
    path = f"/docs/{hashed_name(name)}"
    plain = await client.get(path)
    async with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert plain.content == gzip.decompress(raw) == assets()[name].plain
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await client.get(f"/docs/{name}")).headers["cache-control"] == "no-cache"
    again = await client.get(path, headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304


async def test_an_old_hashed_name_is_not_found(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/docs/pages.0123456789ab.css")).status_code == 404


async def test_the_document_is_compressed_and_tagged(client: httpx.AsyncClient) -> None:
    plain = await client.get("/openapi.json")
    packed = await client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 5
    again = await client.get("/openapi.json", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304
