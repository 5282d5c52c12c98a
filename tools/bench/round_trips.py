"""Count the round trips of a server to PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.support.fault_proxy import FaultProxy, Way
from tools.bench.contestants import Contestant
from tools.bench.storage import Storage
from tools.bench.wrk import WARM_UP_SECONDS, send

_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Round trips per request."""

    postgres: float
    redis: float


class RoundTripCounter(FaultProxy):
    """A proxy that counts how often clients send something.

    A client that sends a statement, or a pipeline of commands, in one piece makes a round trip.
    """

    sent = 0

    def _observe(self, _pair: object, way: Way, _data: bytes) -> None:
        self.sent += way is Way.TO_SERVER


@dataclass(frozen=True, slots=True)
class CountedStorage:
    """Storage behind proxies that count."""

    storage: Storage
    postgres: RoundTripCounter
    redis: RoundTripCounter

    def count(self, contestant: Contestant, work: str, folder: Path) -> RoundTrips:
        """Measure the round trips per request of a workload.

        Raises:
            BenchError: the contestant has rejected requests or closed connections.
        """
        requests = contestant.works[work]
        send(requests, folder, WARM_UP_SECONDS)
        postgres, redis = self.postgres.sent, self.redis.sent
        measured = send(requests, folder, _SECONDS)
        return RoundTrips(
            (self.postgres.sent - postgres) / measured.requests,
            (self.redis.sent - redis) / measured.requests,
        )


@contextmanager
def counted(storage: Storage) -> Iterator[CountedStorage]:
    """Yield the same storage, behind proxies that count."""
    with (
        RoundTripCounter.to(storage.postgres) as postgres,
        RoundTripCounter.to(storage.redis) as redis,
    ):
        behind = replace(
            storage,
            postgres=postgres.through(storage.postgres),
            redis=redis.through(storage.redis),
        )
        yield CountedStorage(behind, postgres, redis)
