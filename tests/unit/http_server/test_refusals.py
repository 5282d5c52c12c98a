"""Refusals by the server itself, and the limits for a head."""

from collections.abc import Iterator
from typing import Final

import pytest

from libraries.http_server import limits
from tests.unit.http_server.harness import connect, exchange, settle, statuses

HOST: Final = b"Host: here\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


def request(*headers: bytes, line: bytes = b"POST /a HTTP/1.1", body: bytes = b"") -> bytes:
    return line + b"\r\n" + b"".join(headers) + b"\r\n" + body


REFUSED: Final = {
    "no host": (request(), 400),
    "two hosts": (request(HOST, HOST), 400),
    "two hosts in HTTP/1.0": (request(HOST, HOST, line=b"GET / HTTP/1.0"), 400),
    "a list of hosts": (request(b"Host: a, b\r\n"), 400),
    "a host with a path": (request(b"Host: a/b\r\n"), 400),
    "both lengths": (request(HOST, CHUNKED, b"Content-Length: 1\r\n"), 400),
    "two lengths": (request(HOST, b"Content-Length: 1\r\nContent-Length: 1\r\n"), 400),
    "a signed length": (request(HOST, b"Content-Length: +1\r\n"), 400),
    "chunked in HTTP/1.0": (request(HOST, CHUNKED, line=b"POST / HTTP/1.0"), 400),
    "chunked twice": (request(HOST, CHUNKED, CHUNKED), 400),
    "another coding": (request(HOST, b"Transfer-Encoding: gzip\r\n"), 501),
    "another coding before": (request(HOST, b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    "an unknown coding": (request(HOST, b"Transfer-Encoding: xchunked\r\n"), 501),
    "a broken chunk": (request(HOST, CHUNKED, body=b"zz\r\n\r\n"), 400),
    "CONNECT": (request(HOST, line=b"CONNECT a:443 HTTP/1.1"), 501),
    "an offer in CONNECT": (
        request(HOST, b"Connection: upgrade\r\nUpgrade: x\r\n", line=b"CONNECT a:443 HTTP/1.1"),
        501,
    ),
    "an offer with both lengths": (
        request(
            HOST, b"Connection: upgrade\r\nUpgrade: h2c\r\n", CHUNKED, b"Content-Length: 1\r\n"
        ),
        400,
    ),
    "an offer without a host": (request(b"Connection: upgrade\r\nUpgrade: h2c\r\n"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2 in words": (request(HOST, line=b"GET / HTTP/2.0"), 505),
    "HTTP/3": (request(HOST, line=b"GET / HTTP/3.0"), 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a folded header": (request(HOST, b"A: b\r\n c\r\n"), 400),
    "a space before the colon": (request(b"Host : here\r\n"), 400),
    "bytes in the target": (request(HOST, line=b"GET /\xff HTTP/1.1"), 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_invalid_request_is_refused_once_and_closed(name: str) -> None:
    raw, status = REFUSED[name]
    transport = await exchange(raw)
    assert statuses(transport) == [status]
    assert b"\r\nconnection: close\r\n" in transport.written
    assert not transport.is_open


@pytest.mark.parametrize("name", REFUSED)
async def test_requests_before_a_refused_one_are_answered_first(name: str) -> None:
    raw, status = REFUSED[name]
    transport = await exchange(request(HOST, line=b"GET / HTTP/1.1") * 3 + raw)
    assert statuses(transport) == [200, 200, 200, status]


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a.example:80", b"a:", b"[::1]:8000", b"127.0.0.1", b"xn--a_b", b"a%20b"]
)
async def test_a_valid_host_is_accepted(host: bytes) -> None:
    assert statuses(await exchange(request(b"Host: %b\r\n" % host))) == [200]


async def test_http_1_0_needs_no_host() -> None:
    transport = await exchange(request(line=b"GET / HTTP/1.0"))
    assert statuses(transport) == [200]
    assert not transport.is_open


# --- The size of a head


def _padded(size: int, line: bytes = b"GET / HTTP/1.1") -> bytes:
    head = line + b"\r\n" + HOST + b"A: \r\n\r\n"
    return head.replace(b"A: ", b"A: " + b"a" * (size - len(head)))


def _parts(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))


@pytest.mark.parametrize("size", [1000, 65536, 1 << 20])
async def test_a_head_above_64_kib_is_refused(size: int) -> None:
    fits = _padded(limits.MAX_HEAD_BYTES)
    assert statuses(await exchange(*_parts(fits, size))) == [200]
    large = _padded(limits.MAX_HEAD_BYTES + 1)
    assert statuses(await exchange(*_parts(large, size))) == [431]


HEADS: Final = {
    "a target": b"GET /" + b"a" * (1 << 20),
    "a name": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a" * (1 << 20),
    "a value": b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * (1 << 20),
    "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * (1 << 18),
    "blank lines": b"\r\n" * (1 << 19),
    "an offer": b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nConnection: upgrade"
    + b", a" * (1 << 19),
    "a chunk's extension": request(HOST, CHUNKED, body=b"1;" + b"a" * (1 << 20)),
    "a trailer's name": request(HOST, CHUNKED, body=b"0\r\n" + b"a" * (1 << 20)),
    "a trailer's value": request(HOST, CHUNKED, body=b"0\r\nA: " + b"a" * (1 << 20)),
    "many trailers": request(HOST, CHUNKED, body=b"1\r\na\r\n0\r\n" + b"A: b\r\n" * (1 << 18)),
}


@pytest.mark.parametrize("name", HEADS)
async def test_an_endless_head_is_refused(name: str) -> None:
    connection, transport = connect()
    for part in _parts(HEADS[name], 10_000):
        connection.data_received(part)
        await settle()
    assert statuses(transport) == [431]
    assert not transport.is_open


async def test_a_large_head_behind_another_request_is_refused() -> None:
    raw = request(HOST, line=b"GET / HTTP/1.1") + _padded(limits.MAX_HEAD_BYTES + 5000)
    assert statuses(await exchange(raw)) == [200, 431]


async def test_a_body_does_not_count_towards_the_limit_of_heads() -> None:
    size = 4 * limits.MAX_HEAD_BYTES
    length = b"Content-Length: %d\r\n" % size
    raw = request(HOST, length, body=b"a" * size) + _padded(limits.MAX_HEAD_BYTES - 1000)
    transport = await exchange(raw)
    assert statuses(transport) == [200, 200]
