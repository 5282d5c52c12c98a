"""An HTTP client with one connection, because httpx takes more CPU time than the service."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httptools

#: Longer than any deadline of the service.
_TIMEOUT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


class HttpClient:
    """Send one request at a time, and reconnect if the URL has changed or the connection is lost.

    Nothing is repeated. After an error, the caller doesn't know if its request was carried out.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = _lines(headers)
        self._base_url = ""
        self._connection: _Connection | None = None

    async def request(
        self,
        base_url: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return its response.

        Raises:
            OSError: there is no complete response, including `TimeoutError` after 20 s.
        """
        host = urlsplit(base_url).netloc
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{self._headers}{_lines(headers or {})}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                connection = await self._connected(base_url)
                return await connection.exchange(head.encode("ascii") + body)
        except BaseException:
            self.close()  # a late response must not be taken for the next one
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.transport.abort()
        self._connection = None

    async def _connected(self, base_url: str) -> "_Connection":
        if self._connection is None or self._connection.is_lost or base_url != self._base_url:
            self.close()
            url = urlsplit(base_url)
            _, self._connection = await asyncio.get_running_loop().create_connection(
                _Connection, url.hostname or "", url.port or 0
            )
            self._base_url = base_url
        return self._connection


class _Connection(asyncio.Protocol):
    """One connection. httptools calls the `on_` methods."""

    def __init__(self) -> None:
        self.is_lost = False
        self.transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[Answer] | None = None

    async def exchange(self, request: bytes) -> Answer:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lose(ConnectionError(f"the response is not HTTP: {error}"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), b"".join(self._body))
        self._body.clear()
        if not self._parser.should_keep_alive():
            self.is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc or ConnectionResetError("closed before the response"))

    def _lose(self, error: Exception) -> None:
        self.is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
