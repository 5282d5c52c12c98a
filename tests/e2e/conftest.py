"""The running services that the tests share: each is started once, by the first who asks for it."""

from collections.abc import Iterator

import pytest

from tests.e2e.service import NO_LIMITS, Service, User, running_service

SHOP = "https://shop.example.com"
TOKENS_LAST = 86_400


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """As it comes, but for the limits; the fulfilment is quick.

    A token lasts as long as the tests do, wherever they run.
    """
    with running_service(
        **NO_LIMITS, PROCESSING_DELAY="0.2", ACCESS_TOKEN_TTL=str(TOKENS_LAST)
    ) as service:
        yield service


@pytest.fixture(scope="session")
def staffed_service() -> Iterator[Service]:
    """Owners may only cancel; few logins may fail, and no proxy is trusted.

    No order is processed while anybody looks.
    """
    settings = NO_LIMITS | {"RATE_LIMIT_LOGIN": "2/day", "DEFAULT_CURRENCY": "EUR"}
    with running_service(**settings, STATUS_POLICY="staff", PROCESSING_DELAY="3600") as service:
        yield service


@pytest.fixture(scope="session")
def limited_service() -> Iterator[Service]:
    """Small limits behind a trusted proxy, so that each test can come from its own address."""
    with running_service(
        RATE_LIMIT_ORDERS="3/day",
        RATE_LIMIT_LOGIN="2/day",
        RATE_LIMIT_REGISTER="2/day",
        RATE_LIMIT_DEFAULT="40/day",
        TRUSTED_PROXIES="127.0.0.0/8,::1/128,198.51.100.0/24",
        CORS_ORIGINS=SHOP,
        PROCESSING_DELAY="0",
    ) as service:
        yield service


@pytest.fixture(scope="session")
def ada(service: Service) -> User:
    """A user of the service."""
    return service.register()


@pytest.fixture(scope="session")
def bob(service: Service) -> User:
    """Another user of the service."""
    return service.register()


@pytest.fixture
def newcomer(service: Service) -> User:
    """A user who has no order yet."""
    return service.register()


@pytest.fixture(scope="session")
def staff(service: Service) -> User:
    """A member of the service's staff."""
    return service.register_staff()
