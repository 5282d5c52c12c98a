"""Each request gets exactly one response, however its bytes are split into packets."""

import asyncio
from typing import Final

import pytest

from tests.unit.http_server.harness import connect, exchange, responses, settle, statuses

HOST: Final = b"Host: here\r\n"
OFFER: Final = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
)
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
#: A body that would become a request if its framing were lost.
BODY: Final = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS: Final = b"5\r\n" + BODY[:5] + b"\r\n%x;ext=1\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\n"


def post(*headers: bytes, path: bytes = b"/a", method: bytes = b"POST") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, HOST, b"".join(headers))


LENGTH: Final = b"Content-Length: %d\r\n" % len(BODY)
GET: Final = b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n"
ECHOED: Final = [(200, b"POST /a " + BODY), (200, b"GET /b ")]

SEQUENCES: Final = {
    "length": (post(LENGTH) + BODY + GET, ECHOED),
    "chunked": (post(CHUNKED) + CHUNKS + b"\r\n" + GET, ECHOED),
    "trailers": (post(CHUNKED) + CHUNKS + b"Host: other\r\nA: b\r\n\r\n" + GET, ECHOED),
    "offer, length": (post(OFFER, LENGTH) + BODY + GET, ECHOED),
    "length, offer": (post(LENGTH, OFFER) + BODY + GET, ECHOED),
    "offer, chunked": (post(OFFER, CHUNKED) + CHUNKS + b"\r\n" + GET, ECHOED),
    "two offers": (
        post(OFFER, method=b"GET") * 2 + GET,
        [(200, b"GET /a ")] * 2 + [(200, b"GET /b ")],
    ),
    "websocket": (
        post(b"Connection: upgrade\r\nUpgrade: websocket\r\n", LENGTH) + BODY + GET,
        ECHOED,
    ),
    "expect": (post(b"Expect: 100-continue\r\n", LENGTH) + BODY + GET, ECHOED),
    "unread body": (
        post(LENGTH, method=b"PUT") + BODY + GET,
        [(200, b"PUT /a "), (200, b"GET /b ")],
    ),
    "blank lines before": (b"\r\n\r\n" + GET + b"\r\n" + GET, [(200, b"GET /b ")] * 2),
    "last one": (
        b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + GET,
        [(200, b"GET /a ")],
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
async def test_any_split_gives_the_same_responses(name: str) -> None:
    raw, expected = SEQUENCES[name]
    for at in range(len(raw) + 1):
        parts = [part for part in (raw[:at], raw[at:]) if part]
        transport = await exchange(*parts)
        assert responses(transport.written) == expected, at


@pytest.mark.parametrize("name", SEQUENCES)
async def test_single_bytes_give_the_same_responses(name: str) -> None:
    raw, expected = SEQUENCES[name]
    transport = await exchange(*(raw[at : at + 1] for at in range(len(raw))))
    assert responses(transport.written) == expected


@pytest.mark.parametrize("name", SEQUENCES)
async def test_a_half_closed_connection_gets_every_response(name: str) -> None:
    raw, expected = SEQUENCES[name]
    transport = await exchange(raw, ends=True)
    assert responses(transport.written) == expected
    assert not transport.is_open


@pytest.mark.parametrize("count", [1, 2])
async def test_a_half_close_in_any_turn_loses_no_response(count: int) -> None:
    for turns in range(15):
        connection, transport = connect()
        connection.data_received(GET * count)
        for _ in range(turns):
            await asyncio.sleep(0)
        if not connection.eof_received():
            transport.close()
        await settle()
        assert responses(transport.written) == [(200, b"GET /b ")] * count, turns
        assert not transport.is_open


@pytest.mark.parametrize("name", SEQUENCES)
async def test_an_incomplete_request_is_not_executed(name: str) -> None:
    raw, expected = SEQUENCES[name]
    for at in range(1, len(raw)):
        transport = await exchange(raw[:at], ends=True)
        assert not transport.is_open
        found = responses(transport.written)
        whole = [each for each in found if each[0] == 200]
        assert whole == expected[: len(whole)], at
        assert [status for status, _ in found[len(whole) :]] in ([], [400]), at


@pytest.mark.parametrize("left", [1, 60_000])
async def test_an_unread_large_body_does_not_block_the_connection(left: int) -> None:
    size = 200_000
    head = post(b"Content-Length: %d\r\n" % size, method=b"PUT")
    transport = await exchange(head + b"x" * (size - left), b"x" * left + GET, GET)
    assert responses(transport.written) == [(200, b"PUT /a "), *[(200, b"GET /b ")] * 2]


async def test_many_pipelined_requests_are_answered_in_order() -> None:
    raw = b"".join(b"GET /%d HTTP/1.1\r\n%b\r\n" % (n, HOST) for n in range(5000))
    transport = await exchange(raw)
    for _ in range(3000):
        if transport.written.count(b"HTTP/1.1 200") == 5000:
            break
        await exchange()
    assert responses(transport.written) == [(200, b"GET /%d " % n) for n in range(5000)]


async def test_no_response_follows_the_last() -> None:
    closing = b"GET / HTTP/1.1\r\n%bConnection: close\r\n\r\n" % HOST
    assert statuses(await exchange(closing + b"\x00\x01 no HTTP")) == [200]
    assert statuses(await exchange(b"\x00\x01 no HTTP" + GET)) == [400]
