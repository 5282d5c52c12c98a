"""The customers' HTTP client against a server that closes and breaks its responses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.prove.http_client import HttpClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Sends the next of its responses for each request, and closes after the last one."""

    def __init__(self, *responses: bytes) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._responses = list(responses)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self._responses:
            try:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            writer.write(self._responses.pop(0))
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_client_of(serve: Serve) -> AsyncIterator[tuple[HttpClient, str]]:
    ended: list[asyncio.Event] = []

    async def serve_and_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(end := asyncio.Event())
        await serve(reader, writer)
        end.set()

    server = await asyncio.start_server(serve_and_end, "127.0.0.1", 0)
    client = HttpClient({"Authorization": "Bearer x"})
    async with server:
        yield client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client.close()
        for each in ended:
            await each.wait()


async def test_requests_share_a_connection() -> None:
    server = Server(OK, OK, OK)
    async with a_client_of(server.serve) as (client, url):
        for _ in range(2):
            answer = await client.request(url, "GET", "/orders/", headers={"X-Y": "z"})
            assert (answer.status, answer.json()) == (200, {})
    assert server.connections == 1
    assert server.requests[0].startswith(b"GET /orders/ HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Bearer x\r\nX-Y: z\r\n" in server.requests[0]


async def test_a_closing_response_is_complete_and_the_next_request_reconnects() -> None:
    closing = OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    server = Server(closing, OK, OK)
    async with a_client_of(server.serve) as (client, url):
        assert (await client.request(url, "GET", "/")).status == 200
        assert (await client.request(url, "GET", "/")).status == 200
    assert server.connections == 2


@pytest.mark.parametrize("response", [b"", OK[:-1], b"no HTTP\r\n\r\n"])
async def test_an_incomplete_response_is_an_error(response: bytes) -> None:
    server = Server(response)
    async with a_client_of(server.serve) as (client, url):
        with pytest.raises(OSError, match=r"closed before the response|is not HTTP"):
            await client.request(url, "GET", "/")


async def test_another_url_is_another_connection() -> None:
    one, other = Server(OK, OK), Server(OK)
    async with a_client_of(one.serve) as (client, url), a_client_of(other.serve) as (_, elsewhere):
        await client.request(url, "GET", "/")
        await client.request(elsewhere, "GET", "/")
    assert (one.connections, other.connections) == (1, 1)
