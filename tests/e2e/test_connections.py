"""Send requests as raw bytes to test the HTTP server's own problems and limits."""

import json
import signal
import socket
import time
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.e2e.service import Service, User, an_email, running_service

HOST: Final = b"Host: orders\r\nConnection: close\r\n"
OFFER: Final = b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"


def address_of(service: Service) -> tuple[str, int]:
    url = urlsplit(str(service.http.base_url))
    return url.hostname or "localhost", url.port or 80


def exchange(service: Service, *parts: bytes, half_closes: bool = False) -> bytes:
    """Send each part as a packet, and return everything received until the connection closes."""
    with socket.create_connection(address_of(service), timeout=120) as client:
        for part in parts:
            with suppress(ConnectionError):
                client.sendall(part)
            time.sleep(0.05)
        if half_closes:
            client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


def problem(raw: bytes) -> tuple[int, str]:
    """Return the status and code of the only response, a problem with all common headers."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/problem+json" in lines, raw
    assert b"x-content-type-options: nosniff" in lines
    assert b"cache-control: no-store" in lines
    assert b"connection: close" in lines
    assert any(line.startswith(b"x-request-id: ") for line in lines)
    document: dict[str, Any] = json.loads(body)
    assert document.keys() >= {"type", "title", "status", "detail", "instance", "code"}
    assert document["status"] == int(head.split()[1])
    return document["status"], document["code"]


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET /health/ HTTP/1.1\r\n\r\n", 400, "malformed-request"),
        (b"GET /health/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "malformed-request"),
        (b"no HTTP at all\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 100_000, 431, "request-head-too-large"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "not-implemented"),
        (
            b"POST /orders/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
            "not-implemented",
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http-version-not-supported"),
    ],
)
def test_errors_of_the_http_server_are_problems(
    service: Service, raw: bytes, status: int, code: str
) -> None:
    assert problem(exchange(service, raw)) == (status, code)


def test_an_incomplete_request_is_400(service: Service) -> None:
    raw = exchange(service, b"GET /health/ HTTP/1.1\r\nHo", half_closes=True)
    assert problem(raw) == (400, "malformed-request")
    head = b"POST /register/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    raw = exchange(service, head + b"Content-Length: 100\r\n\r\n{", half_closes=True)
    assert problem(raw) == (400, "malformed-request")


def test_a_body_after_an_upgrade_offer_is_read(service: Service) -> None:
    body = json.dumps({"email": an_email(), "password": "correct horse battery"}).encode()
    head = b"POST /register/ HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\n"
    kind = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    raw = exchange(service, head + OFFER + kind, body)
    assert raw.startswith(b"HTTP/1.1 201 ")
    assert raw.count(b"HTTP/1.1 ") == 1


def test_a_half_closed_client_receives_its_response(service: Service) -> None:
    raw = exchange(service, b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", half_closes=True)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["openapi"]


def test_413_reaches_a_client_that_sends_its_whole_body(ada: User) -> None:
    bearer = b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n" % ada.token.encode()
    head = b"POST /orders/ HTTP/1.1\r\nHost: a\r\n" + bearer
    whole = b"Content-Length: 30000000\r\n\r\n"
    raw = exchange(ada.service, head + whole, b" " * 30_000_000)
    assert problem(raw) == (413, "body-too-large")
    expecting = b"Expect: 100-continue\r\n" + whole
    assert problem(exchange(ada.service, head + expecting)) == (413, "body-too-large")


@pytest.mark.parametrize("coding", ["gzip", "br, identity", "deflate"])
def test_a_body_with_a_content_encoding_is_415(ada: User, coding: str) -> None:
    answer = ada.request("POST", "/orders/", headers={"Content-Encoding": coding}, content=b"x")
    assert answer.status_code == 415
    problem_type = ada.request(
        "POST",
        "/orders/",
        headers={"Content-Encoding": coding, "Content-Type": "application/json"},
        content=b"x" * 300_000,
    )
    assert problem_type.json()["code"] == "unsupported-content-encoding"
    assert problem_type.headers["accept-encoding"] == "identity"


def test_the_identity_encoding_is_accepted(ada: User) -> None:
    answer = ada.request(
        "POST",
        "/orders/",
        headers={"Content-Encoding": "identity"},
        json={"items": [{"name": "tea"}], "total_price": 1},
    )
    assert answer.status_code == 201


def test_an_unspecified_address_serves_ipv4_and_ipv6_and_idle_connections_survive_a_stall() -> None:
    with running_service(HOST="::", KEEP_ALIVE="1") as service:
        assert '"listening":"on every address (IPv6 and IPv4), port' in service.log
        port = address_of(service)[1]
        request = b"GET /health/ HTTP/1.1\r\nHost: a\r\n\r\n"
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=120) as client:
                client.sendall(request)
                assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
                service.process.send_signal(signal.SIGSTOP)
                client.sendall(request)
                time.sleep(2)
                service.process.send_signal(signal.SIGCONT)
                assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
                assert client.recv(1000) == b""  # closed after being idle for a second


def test_host_accepts_an_ipv6_address_in_brackets() -> None:
    with running_service(HOST="[::1]") as service:
        assert service.http.get(f"http://[::1]:{address_of(service)[1]}/health/").is_success
