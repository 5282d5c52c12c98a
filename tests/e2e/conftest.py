"""Services shared by the tests. Each one starts when the first test needs it."""

from collections.abc import Iterator

import pytest

from tests.e2e.service import NO_LIMITS, Service, User, running_service
from tests.servers.plugin import Shared

ALLOWED_ORIGIN = "https://shop.example.com"
TOKEN_TTL_SECONDS = 86_400


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service with default settings, but with fast fulfilment and without rate limits.

    Its tokens stay valid for longer than the test run.
    """
    with running_service(
        **NO_LIMITS, PROCESSING_DELAY="0.2", ACCESS_TOKEN_TTL=str(TOKEN_TTL_SECONDS)
    ) as service:
        yield service


@pytest.fixture(scope="session")
def staffed_service() -> Iterator[Service]:
    """A service with `STATUS_POLICY=staff`, a low limit on failed logins and no trusted proxy.

    It doesn't process any orders during the tests.
    """
    settings = NO_LIMITS | {"RATE_LIMIT_LOGIN": "2/day", "DEFAULT_CURRENCY": "EUR"}
    with running_service(**settings, STATUS_POLICY="staff", PROCESSING_DELAY="3600") as service:
        yield service


@pytest.fixture(scope="session")
def limited_service() -> Iterator[Service]:
    """A service with low limits behind a trusted proxy. Each test uses its own client address."""
    with running_service(
        RATE_LIMIT_ORDERS="3/day",
        RATE_LIMIT_LOGIN="2/day",
        RATE_LIMIT_REGISTER="2/day",
        RATE_LIMIT_DEFAULT="40/day",
        TRUSTED_PROXIES="127.0.0.0/8,::1/128,198.51.100.0/24",
        CORS_ORIGINS=ALLOWED_ORIGIN,
        PROCESSING_DELAY="0",
    ) as service:
        yield service


@pytest.fixture(scope="session")
def ada(service: Service) -> User:
    """A registered user."""
    return service.register()


@pytest.fixture(scope="session")
def bob(service: Service) -> User:
    """Another registered user."""
    return service.register()


@pytest.fixture
def newcomer(service: Service) -> User:
    """A user who hasn't placed any orders."""
    return service.register()


@pytest.fixture(scope="session")
def staff(service: Service) -> User:
    """A staff account."""
    return service.register_staff()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Shared]:
    """Create an empty database for the test."""
    from tests.servers.databases import create_database, drop_database  # noqa: PLC0415 - only if used
    from tests.support.postgres import beside  # noqa: PLC0415 - only if used

    server: Shared = request.getfixturevalue("postgres_server")
    url = beside(create_database, server.url)
    yield Shared(url)
    beside(drop_database, server.url, url)
