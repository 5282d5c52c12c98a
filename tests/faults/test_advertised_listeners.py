"""Kafka is reachable but advertises an unreachable address."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.service import NO_LIMITS, eventually, running_service
from tests.integration.test_readiness_of_kafka import running_broker
from tests.servers.databases import create_database, drop_database
from tests.servers.kafka import Kafka
from tests.servers.plugin import Shared
from tests.servers.ports import Ports
from tests.support.postgres import beside


@pytest.fixture
def unused_port() -> Iterator[int]:
    ports = Ports(1)
    yield ports.numbers[0]
    ports.release()


def test_an_unreachable_advertised_address_is_named_and_the_order_stays_pending(
    unused_port: int, postgres_server: Shared
) -> None:
    url = beside(create_database, postgres_server.url)
    address = f"127.0.0.1:{unused_port}"
    try:
        with (
            running_broker(Kafka(advertised_port=unused_port)) as kafka,
            running_service(
                **NO_LIMITS,
                DATABASE_URL=url,
                KAFKA_BOOTSTRAP_SERVERS=kafka.url,
                JWT_SECRET_KEY="a key of thirty-two bytes or more",
                STUCK_AFTER="1",
            ) as service,
        ):
            service.register().order()
            eventually(lambda: address in service.run("outbox", "status").stdout)
            time.sleep(1)  # STUCK_AFTER

            report = service.http.get("/health/ready/").json()
            assert (report["status"], report["checks"]["kafka"]) == ("degraded", "down")
            assert address in report["reasons"]["kafka"]
            warnings = [line for line in service.log.splitlines() if "out of reach" in line]
            assert warnings
            assert all(address in line for line in warnings)
            audit = service.run("audit")
            assert "pending=1 unpublished=1 lost=0 duplicated=0 stuck=0" in audit.stdout
            assert audit.returncode == 0
    finally:
        beside(drop_database, postgres_server.url, url)
