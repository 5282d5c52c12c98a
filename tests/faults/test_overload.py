"""More requests at once than a process admits: each is served, or refused before it starts."""

import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Final

import msgspec

from entrypoints.http.overload import LIMIT_CONFIG
from libraries.http_server.limits import raise_file_limit
from tests.e2e.service import ANSWER_TIMEOUT_SECONDS, TEA, Service, User
from tests.faults.cluster import a_cluster
from tests.servers.plugin import Shared

#: More than the process admits, and as many as it never refuses.
TOO_MANY: Final = LIMIT_CONFIG.initial + 400
FEW: Final = LIMIT_CONFIG.minimum
#: A wave usually arrives as a whole. If the process reads it in parts, none may be refused.
MAX_WAVES: Final = 20


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: str | None
    body: Any

    @property
    def is_refusal(self) -> bool:
        return (
            (self.status, self.retry_after) == (503, "1")
            and self.body["code"] == "overloaded"
            and self.body["detail"].endswith("Nothing was changed.")
        )


class Crowd:
    """Open connections that send their requests at the same time."""

    def __init__(self, user: User, connections: Sequence[socket.socket]) -> None:
        self._service = user.service
        self._connections = connections
        body = msgspec.json.encode(TEA)
        head = (
            f"POST /orders/ HTTP/1.1\r\nHost: shop.example\r\n"
            f"Authorization: Bearer {user.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._order = head.encode() + body

    def place_orders(self, count: int) -> list[Answer]:
        """Place orders over `count` connections. The last one also checks `/health/`."""
        *orders, health = self._connections[: count + 1]
        self._service.process.send_signal(signal.SIGSTOP)
        try:
            for each in orders:
                each.sendall(self._order)
            health.sendall(b"GET /health/ HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        finally:
            self._service.process.send_signal(signal.SIGCONT)
        assert _answer(health).status == 200
        return [_answer(each) for each in orders]


@contextmanager
def a_crowd(user: User, size: int) -> Iterator[Crowd]:
    """Open this many connections for orders, and one more."""
    url = user.service.http.base_url
    with ExitStack() as stack:
        connections = [
            stack.enter_context(
                socket.create_connection((url.host, url.port or 80), ANSWER_TIMEOUT_SECONDS)
            )
            for _ in range(size + 1)
        ]
        yield Crowd(user, connections)


def _answer(connection: socket.socket) -> Answer:
    with HTTPResponse(connection) as response:
        response.begin()
        body = msgspec.json.decode(response.read())
        return Answer(response.status, response.headers["Retry-After"], body)


def metric(api: Service, name: str) -> float:
    lines = dict(line.rsplit(" ", 1) for line in api.http.get("/metrics").text.splitlines())
    return float(lines[name])


def test_requests_past_the_capacity_are_refused_and_all_others_served(
    postgres_server: Shared, redis_server: Shared, kafka_server: Shared
) -> None:
    raise_file_limit()
    with a_cluster(postgres_server, redis_server, kafka_server, KEEP_ALIVE="300") as cluster:
        user = cluster.api.register()
        with a_crowd(user, TOO_MANY) as crowd:
            placed, refused = 0, 0
            for _ in range(MAX_WAVES):
                answers = crowd.place_orders(TOO_MANY)
                accepted = [each for each in answers if each.status == 201]
                refusals = [each for each in answers if each.is_refusal]
                assert len(accepted) + len(refusals) == TOO_MANY
                placed, refused = placed + len(accepted), refused + len(refusals)
                if refused:
                    break
            assert refused
            answers = crowd.place_orders(FEW)
            assert {each.status for each in answers} == {201}
            placed += FEW
        assert cluster.orders() == placed
        cluster.assert_drained(placed)
        assert metric(cluster.api, "orders_http_requests_shed_total") == refused
        assert cluster.api.log.count("overloaded: refusing requests") >= 1
        assert "no longer overloaded" in cluster.api.log
