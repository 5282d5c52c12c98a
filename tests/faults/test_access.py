"""Revocations and changed accounts reach every process, or the process stops accepting tokens."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

import httpx
import pytest

from tests.e2e.service import NO_LIMITS, PASSWORD, Service, User, eventually, running_service
from tests.faults.cluster import SECRET, user_at
from tests.servers.databases import create_database, drop_database
from tests.servers.plugin import NewServer, Shared
from tests.support.fault_proxy import FaultProxy
from tests.support.postgres import beside

#: Seconds until a change must have reached every process. A slow machine only lengthens the pause.
PROMISED_SECONDS: Final = 2.0
#: Seconds for which a process may accept tokens although it cannot follow the feed.
TRUSTED_SECONDS: Final = 5.0


@pytest.fixture
def url(postgres_server: Shared) -> Iterator[str]:
    url = beside(create_database, postgres_server.url)
    yield url
    beside(drop_database, postgres_server.url, url)


@contextmanager
def two_services(first_url: str, second_url: str, **settings: str) -> Iterator[list[Service]]:
    """Run two services on the same database."""
    more = {"JWT_SECRET_KEY": SECRET, **NO_LIMITS, **settings}
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_service(DATABASE_URL=url, **more))
            for url in (first_url, second_url)
        ]


def log_in(user: User) -> tuple[User, str]:
    """Begin another session. Return its user and its refresh token."""
    form = {"username": user.email, "password": PASSWORD}
    tokens = user.service.http.post("/token/", data=form).json()
    return User(user.service, user.id, user.email, tokens["access_token"]), tokens["refresh_token"]


def refresh(service: Service, token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return service.http.post("/token/", data=form)


def revoke(service: Service, token: str) -> None:
    assert service.http.post("/token/revoke/", data={"token": token}).status_code == 200


def end_session(user: User) -> None:
    session = next(each for each in user.get("/me/sessions/").json() if each["current"])
    assert user.request("DELETE", f"/me/sessions/{session['id']}/").status_code == 204


def run(service: Service, *command: str, stdin: str = "") -> None:
    done = service.run("users", *command, stdin=stdin)
    assert done.returncode == 0, done.stderr


def new_password(user: User) -> None:
    run(
        user.service,
        *("set-password", user.email, "--password-stdin"),
        stdin="another correct horse\n",
    )


#: Everything that ends an access token, done at one process.
ENDS: Final[dict[str, Callable[[User, str], None]]] = {
    "revoke the access token": lambda user, _: revoke(user.service, user.token),
    "revoke the refresh token": lambda user, token: revoke(user.service, token),
    "end the session": lambda user, _: end_session(user),
    "disable the account": lambda user, _: run(user.service, "disable", user.email),
    "set a password": lambda user, _: new_password(user),
    "end all sessions": lambda user, _: run(user.service, "end-sessions", user.email),
}


def status_at(service: Service, user: User) -> int:
    return user_at(service, user).get("/me/").status_code


def test_every_process_follows_within_two_seconds_without_redis(
    new_redis: NewServer, url: str
) -> None:
    with (
        new_redis() as redis,
        two_services(url, url, REDIS_URL=redis.url, KEEP_DEADLINES="REDIS_URL") as (here, there),
    ):
        redis.stop()
        accounts = [here.register() for _ in ENDS]
        users = [log_in(account) for account in accounts]
        promoted = here.register()
        for user in (*(user for user, _ in users), promoted):
            assert status_at(there, user) == 200
        for end, (user, token) in zip(ENDS.values(), users, strict=True):
            end(user, token)
        run(here, "grant-role", promoted.email, "--role", "staff")
        time.sleep(PROMISED_SECONDS)
        found = {name: status_at(there, user) for name, (user, _) in zip(ENDS, users, strict=True)}
        assert found == dict.fromkeys(ENDS, 401)
        assert (
            user_at(there, promoted).get("/orders/", params={"user_id": users[0][0].id}).is_success
        )
        # Only the access token was revoked, so its session goes on. All others have ended.
        statuses = [refresh(there, token).status_code for _, token in users]
        assert statuses == [200, *[401] * 5]


def test_a_spent_token_at_another_process_ends_the_session(url: str) -> None:
    with two_services(url, url) as (here, there):
        user, token = log_in(here.register())
        current = refresh(here, token).json()
        headers = {"User-Agent": "thief/1.0"}
        form = {"grant_type": "refresh_token", "refresh_token": token}
        assert there.http.post("/token/", data=form, headers=headers).status_code == 401
        assert status_at(there, user) == 401
        assert refresh(here, current["refresh_token"]).status_code == 401
        time.sleep(PROMISED_SECONDS)
        assert status_at(here, user) == 401


def test_a_process_without_postgresql_accepts_no_token_after_five_seconds(
    redis_server: Shared, url: str
) -> None:
    settings = {"REDIS_URL": redis_server.url, "KEEP_DEADLINES": "DATABASE_URL"}
    with (
        FaultProxy.to(url) as proxy,
        two_services(url, proxy.through(url), **settings) as (here, there),
    ):
        account = here.register()
        order = account.order()
        (revoked, _), (current, _) = log_in(account), log_in(account)
        paths = ("/me/", f"/orders/{order['id']}/")
        for user in (revoked, current):
            eventually(partial(is_accepted, there, user))

        proxy.silence()
        cut_off_at = time.monotonic()
        revoke(here, revoked.token)
        time.sleep(max(0.0, cut_off_at + TRUSTED_SECONDS - time.monotonic()))
        for user in (revoked, current, revoked, current):
            for path in paths:
                answer = user_at(there, user).get(path)
                assert answer.status_code == 503, answer.text
                assert answer.headers["Retry-After"].isdigit()
        assert there.http.get("/health/").status_code == 200

        proxy.heal()
        eventually(lambda: status_at(there, current) == 200)
        assert status_at(there, revoked) == 401
        assert "unhandled exception" not in there.log


def is_accepted(service: Service, user: User) -> bool:
    return status_at(service, user) == 200
