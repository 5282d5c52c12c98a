"""Login floods, compressed bodies, and hostile input at a running service."""

import gzip
import socket
import subprocess
from itertools import count
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.assertions import assert_problem
from tests.e2e.service import PASSWORD, Service, User, an_email
from tests.fuzz.wire import Connection, Request
from tests.support.hostile_input import BODIES, FORMS, QUERIES, TAGS

WRONG = "a wrong password"
CODINGS = ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip")
_networks = count(1)
#: How much memory a service may gain while it refuses about twice as much hostile input.
MAX_GROWTH_KIB = 24 * 1024


def a_network() -> str:
    """Return the first half of an IPv6 address. It is new in each call."""
    return f"2001:db8:0:{next(_networks):x}"


def status_of_login(service: Service, email: str, address: str, password: str = WRONG) -> int:
    form = {"username": email, "password": password}
    headers = {"X-Forwarded-For": address}
    return service.http.post("/token/", data=form, headers=headers).status_code


# --- login floods, with RATE_LIMIT_LOGIN=2/day


def test_addresses_of_an_ipv6_64_share_their_limit(limited_service: Service) -> None:
    email, network = an_email(), a_network()
    addresses = [f"{network}::{number}" for number in range(1, 4)]
    assert [status_of_login(limited_service, email, each) for each in addresses] == [401, 401, 429]
    assert status_of_login(limited_service, email, f"{a_network()}::1") == 401


def test_a_flood_over_many_accounts_from_an_ipv6_64_is_limited(limited_service: Service) -> None:
    network = a_network()
    statuses = [
        status_of_login(limited_service, an_email(), f"{network}::{number:x}")
        for number in range(30)
    ]
    assert statuses == [401] * 20 + [429] * 10


def test_a_flood_on_one_account_from_many_networks_is_limited(limited_service: Service) -> None:
    user = limited_service.register(**{"X-Forwarded-For": f"{a_network()}::1"})
    statuses = [
        status_of_login(limited_service, user.email, f"{a_network()}::1") for _ in range(30)
    ]
    assert statuses == [401] * 20 + [429] * 10
    assert status_of_login(limited_service, user.email, f"{a_network()}::1", PASSWORD) == 429
    assert user.get("/me/").status_code == 200


# --- decompression


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/orders/"), ("POST", "/register/"), ("POST", "/token/"), ("PATCH", "/orders/x/")],
)
def test_a_compressed_body_is_refused_before_it_is_read(ada: User, method: str, path: str) -> None:
    url = urlsplit(str(ada.service.http.base_url))
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer {ada.token}\r\n"
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 200000\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(head.encode())  # and nothing of the body
        assert client.recv(1_000).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"]
)
def test_a_decompression_bomb_is_never_unpacked(ada: User, coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = ada.request("POST", "/orders/", content=bomb, headers=headers)
    assert_problem(answer, 415, "unsupported-content-encoding")


# --- memory


def rss_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(done.stdout)


def hostile_requests(user: User) -> list[Request]:
    bearer = (b"authorization", f"Bearer {user.token}".encode())
    json = (bearer, (b"content-type", b"application/json"))
    form = ((b"content-type", b"application/x-www-form-urlencoded"),)
    path, paid = f"/orders/{user.order()['id']}/".encode(), b'{"status":"PAID"}'
    many = (bearer, *((b"x-%d" % number, b"1") for number in range(6_000)))
    tags = [(b"if-match", each.encode()) for each in TAGS.values()]
    return [
        *(Request(b"POST", b"/orders/", json, body.encode()) for body, _ in BODIES.values()),
        *(Request(b"POST", b"/token/", form, body.encode()) for body, _ in FORMS.values()),
        *(Request(b"GET", f"/orders/?{each}".encode(), (bearer,)) for each in QUERIES.values()),
        *(Request(b"PATCH", path, (*json, each), paid) for each in tags),
        Request(b"GET", b"/me/", many),
    ]


def test_hostile_requests_are_refused_without_a_growth_of_memory(
    service: Service, newcomer: User
) -> None:
    requests = hostile_requests(newcomer)
    connection = Connection(str(service.http.base_url))
    statuses: set[int] = set()

    def send_all(times: int) -> None:
        for _ in range(times):
            for request in requests:
                answer = connection.send(request)
                assert answer is not None
                statuses.add(answer.status)

    send_all(3)
    before = rss_kib(service.process.pid)
    send_all(6)
    connection.close()
    assert statuses <= {200, 400, 412, 422}
    assert rss_kib(service.process.pid) - before < MAX_GROWTH_KIB
    assert httpx.get(f"{service.http.base_url}/health/").status_code == 200
