"""The whole API, behind a proxy that strips a prefix."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app

TRUST = {"TRUSTED_PROXIES": "127.0.0.0/8"}
BY_SETTING: dict[str, Any] = {"settings": {"ROOT_PATH": "/shop"}, "headers": {}}
BY_HEADER: dict[str, Any] = {"settings": TRUST, "headers": {"X-Forwarded-Prefix": "/shop"}}
TEA = {"items": [{"name": "tea"}], "total_price": 1}


@asynccontextmanager
async def api(
    settings: dict[str, str], headers: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app("", MemoryStorageProvider(), **settings) as app:
        app.client.headers.update(headers)
        yield app.client


async def log_in(client: httpx.AsyncClient) -> None:
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    assert (await client.post("/register/", json=account)).status_code == 201
    form = {"username": account["email"], "password": account["password"]}
    token = (await client.post("/token/", data=form)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


@pytest.mark.parametrize("proxy", [BY_SETTING, BY_HEADER], ids=["ROOT_PATH", "header"])
async def test_every_link_of_an_order_carries_the_prefix(proxy: dict[str, Any]) -> None:
    async with api(**proxy) as client:
        await log_in(client)
        placed = [await client.post("/orders/", json=TEA) for _ in range(2)]
        first = placed[0].json()
        assert placed[0].headers["location"] == f"/shop/orders/{first['id']}/"
        for path in ("/orders/", f"/orders/user/{first['user_id']}/"):
            page = await client.get(path, params={"limit": 1})
            assert page.links["next"]["url"].startswith(f"/shop{path}?limit=1&cursor=")


@pytest.mark.parametrize("proxy", [BY_SETTING, BY_HEADER], ids=["ROOT_PATH", "header"])
async def test_every_link_of_a_problem_carries_the_prefix(proxy: dict[str, Any]) -> None:
    async with api(**proxy) as client:
        preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        for answer in (
            await client.get("/nowhere"),
            await client.get("/me/"),
            await client.options("/me/", headers=preflight),
        ):
            problem = answer.json()
            assert problem["type"] == f"/shop/problems/{problem['code']}"
            assert problem["instance"] == f"/shop{answer.request.url.path}"


@pytest.mark.parametrize("proxy", [BY_SETTING, BY_HEADER], ids=["ROOT_PATH", "header"])
async def test_the_pages_and_the_document_carry_the_prefix(proxy: dict[str, Any]) -> None:
    async with api(**proxy) as client:
        page = (await client.get("/docs")).text
        links = re.findall(r'(?:href|src|data-document)="([^"]+)"', page)
        assert "/shop/openapi.json" in links
        for each in links:
            assert (await client.get(each.removeprefix("/shop"))).status_code == 200
        document = (await client.get("/openapi.json")).json()
        assert document["servers"] == [{"url": "/shop"}]
        schemes = document["components"]["securitySchemes"]
        for flow in (schemes["account"]["flows"]["password"], *schemes["client"]["flows"].values()):
            assert flow["tokenUrl"] == "/shop/token/"
        redirect = await client.get("/", headers={"Accept": "text/html"})
        assert (redirect.status_code, redirect.headers["location"]) == (302, "/shop/docs")
        index = (await client.get("/")).json()
        assert index["links"]["orders"] == "/shop/orders/"
        kinds = (await client.get("/problems/", headers={"Accept": "application/json"})).json()
        assert all(kind["type"] == f"/shop/problems/{kind['code']}" for kind in kinds)


async def test_a_path_with_the_prefix_is_served_too() -> None:
    async with api({"ROOT_PATH": "/shop"}, {}) as client:
        await log_in(client)
        placed = await client.post("/shop/orders/", json=TEA)
        assert placed.status_code == 201
        assert (await client.get(placed.headers["location"])).status_code == 200
        assert (await client.get("/shop/docs")).status_code == 200
        assert (await client.get("/shop")).json()["links"]["openapi"] == "/shop/openapi.json"


async def test_without_a_prefix_no_link_has_one() -> None:
    async with api({}, {"X-Forwarded-Prefix": "/shop"}) as client:
        document = (await client.get("/openapi.json")).json()
        assert "servers" not in document
        assert (await client.get("/nowhere")).json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["//orders/", "///orders", "/%2Forders/", "//orders//"])
async def test_the_next_page_of_a_strange_path_is_on_this_host(path: str) -> None:
    async with api({}, {}) as client:
        await log_in(client)
        for _ in range(2):
            await client.post("/orders/", json=TEA)
        asked = f"http://test{path}?limit=1"
        page = await client.get(asked)
        assert page.status_code == 200
        following = urljoin(asked, page.links["next"]["url"])
        assert urlsplit(following).netloc == "test"
        assert len((await client.get(following)).json()) == 1


@pytest.mark.parametrize("path", ["//evil.example.com/", "/\\evil.example.com/", "///"])
async def test_the_instance_of_a_problem_is_on_this_host(path: str) -> None:
    async with api({}, {}) as client:
        url = httpx.URL("http://test", raw_path=path.encode())
        problem = (await client.get(url)).json()
        assert urlsplit(urljoin("http://test/", problem.get("instance", "/"))).netloc == "test"


@pytest.mark.parametrize(("path", "name"), [("/token/", "Content-Type"), ("/me/", "Authorization")])
async def test_a_repeated_header_that_is_not_a_list_is_refused(path: str, name: str) -> None:
    async with api({}, {}) as client:
        lines = [(name, "application/json"), (name, "text/plain")]
        method = "GET" if path == "/me/" else "POST"
        answer = await client.request(method, path, headers=lines, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (400, "repeated-header")
        assert name in answer.json()["detail"]


async def test_each_client_of_a_proxy_has_its_own_limits() -> None:
    async with api(TRUST | {"RATE_LIMIT_REGISTER": "9/day"}, {}) as client:

        async def left(**headers: str) -> int:
            answer = await client.post("/register/", json={}, headers=headers)
            return int(answer.headers["ratelimit-remaining"])

        name = "X-Forwarded-For"
        assert [await left(**{name: f"198.51.100.{n}:5{n}"}) for n in (1, 2)] == [8, 8]
        assert await left(**{name: "198.51.100.1:7"}) == 7
        assert await left(Forwarded='for="198.51.100.1:9"') == 6
        assert await left(**{name: "[2001:db8::1]:443"}) == 8
        assert await left(Forwarded='for="[2001:db8::2]"') == 7


async def test_a_weak_tag_is_refused_with_the_reason() -> None:
    async with api({}, {}) as client:
        await log_in(client)
        placed = await client.post("/orders/", json=TEA)
        path, etag = placed.headers["location"], placed.headers["etag"]

        async def pay(tag: str) -> tuple[int, str]:
            answer = await client.patch(path, json={"status": "PAID"}, headers={"If-Match": tag})
            problem = answer.json()
            return answer.status_code, f"{problem['code']}: {problem['title']} {problem['detail']}"

        status, text = await pay(f"W/{etag}")
        assert status == 412
        assert "version-conflict" in text
        assert "weak" in text
        assert "moved on" not in text
        status, text = await pay('W/"v9"')
        assert "is at version 1" in text
        assert (
            await client.patch(path, json={"status": "PAID"}, headers={"If-Match": etag})
        ).is_success


async def test_if_none_match_on_two_lines_is_one_list() -> None:
    async with api({}, {}) as client:
        await log_in(client)
        placed = await client.post("/orders/", json=TEA)
        lines = [("If-None-Match", '"old"'), ("If-None-Match", f"W/{placed.headers['etag']}")]
        answer = await client.get(placed.headers["location"], headers=lines)
        assert answer.status_code == 304
