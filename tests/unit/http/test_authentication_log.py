"""Logins and refused access are in the authentication log."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import jwt
import pytest
from dishka import Provider, Scope, provide
from litestar.types import Message
from structlog.testing import capture_logs

from adapters.memory.authentication_log import MemoryAuthenticationLog
from application.ports.authentication_log import (
    AuthenticationEvent,
    AuthenticationEventKind,
    AuthenticationLog,
)
from domain.ids import ClientId, SessionId, UserId
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http import middleware
from entrypoints.observability.authentication_log import StructlogAuthenticationLog
from tests.support.app import running_app

PASSWORD = "correct horse battery"
HOME = "127.0.0.1"
TEA = {"items": [{"name": "tea"}], "total_price": 1}
KIND = AuthenticationEventKind


class LogProvider(Provider):
    """Provides this log."""

    scope = Scope.APP

    def __init__(self, log: MemoryAuthenticationLog) -> None:
        super().__init__()
        self._log = log

    @provide
    def log(self) -> AuthenticationLog:
        return self._log


@pytest.fixture
def log() -> MemoryAuthenticationLog:
    return MemoryAuthenticationLog()


@pytest.fixture
async def client(log: MemoryAuthenticationLog) -> AsyncIterator[httpx.AsyncClient]:
    settings = {"STATUS_POLICY": "staff"}
    async with running_app("", MemoryStorageProvider(), LogProvider(log), **settings) as app:
        yield app.client


async def register(client: httpx.AsyncClient, email: str) -> UserId:
    answer = await client.post("/register/", json={"email": email, "password": PASSWORD})
    return UserId(answer.json()["id"])


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> None:
    answer = await client.post("/token/", data={"username": email, "password": password})
    if answer.status_code == 200:
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def of(events: list[AuthenticationEvent]) -> list[tuple[str, str | None, str, str]]:
    return [
        (each.kind.value, str(each.user_id) if each.user_id else None, each.address, each.reason)
        for each in events
    ]


def family_of(client: httpx.AsyncClient) -> str:
    token = client.headers["Authorization"].partition(" ")[2]
    family: str = jwt.decode(token, options={"verify_signature": False})["fam"]
    return family


async def test_logins_are_recorded_with_the_user_and_the_address(
    client: httpx.AsyncClient, log: MemoryAuthenticationLog
) -> None:
    ada = await register(client, "ada@example.com")
    for email, password in (("ada@example.com", "wrong"), ("bob@example.com", PASSWORD)):
        await log_in(client, email, password)
    await log_in(client, "ada@example.com")
    assert of(log.events) == [
        ("login failed", ada, HOME, ""),
        ("login failed", None, HOME, ""),
        ("login succeeded", ada, HOME, ""),
    ]


async def test_refused_access_is_recorded_with_its_reason(
    client: httpx.AsyncClient, log: MemoryAuthenticationLog
) -> None:
    ada = await register(client, "ada@example.com")
    await log_in(client, "ada@example.com")
    order = (await client.post("/orders/", json=TEA)).json()["id"]
    assert (await client.patch(f"/orders/{order}/", json={"status": "PAID"})).status_code == 403
    bob = await register(client, "bob@example.com")
    await log_in(client, "bob@example.com")
    log.events.clear()
    for path in (f"/orders/{order}/", f"/orders/{order}/history/", f"/orders/user/{ada}/"):
        assert (await client.get(path)).status_code in {403, 404}
    assert (await client.patch(f"/orders/{order}/", json={"status": "PAID"})).status_code == 404
    assert {str(event.session_id) for event in log.events} == {family_of(client)}
    client.headers["Authorization"] = "Bearer eyJ.forged.token"
    assert (await client.get("/me/")).status_code == 401
    assert of(log.events) == [
        ("access refused", bob, HOME, "foreign-order"),
        ("access refused", bob, HOME, "foreign-order"),
        ("access refused", bob, HOME, "not-your-orders"),
        ("access refused", bob, HOME, "foreign-order"),
        ("access refused", None, HOME, "token-invalid"),
    ]


async def test_the_normal_use_of_the_api_is_not_recorded(
    client: httpx.AsyncClient, log: MemoryAuthenticationLog
) -> None:
    await register(client, "ada@example.com")
    await log_in(client, "ada@example.com")
    log.events.clear()
    for path in (f"/orders/{uuid4()}/", "/orders/x/", "/nowhere", "/me/", "/orders/"):
        await client.get(path)
    del client.headers["Authorization"]
    assert (await client.get("/me/")).status_code == 401
    assert log.events == []


async def test_refused_access_is_recorded_after_the_response(
    client: httpx.AsyncClient, log: MemoryAuthenticationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_before: list[bool] = []
    end = middleware._Exchange._end

    async def ended(exchange: middleware._Exchange, message: Message) -> None:
        send = exchange._send

        async def recorded(part: Message) -> None:
            sent_before.append(not log.events)
            await send(part)

        exchange._send = recorded
        await end(exchange, message)

    monkeypatch.setattr(middleware._Exchange, "_end", ended)
    client.headers["Authorization"] = "Bearer eyJ.forged.token"
    await client.get("/me/")
    assert (sent_before, len(log.events)) == ([True], 1)


@pytest.mark.parametrize("kind", list(KIND))
def test_a_log_line_has_the_known_fields(kind: AuthenticationEventKind) -> None:
    user, client, session = UserId(uuid4()), ClientId(uuid4()), SessionId(uuid4())
    event = AuthenticationEvent(
        kind=kind,
        address=HOME,
        user_id=user,
        client_id=client,
        session_id=session,
        reason="r",
    )
    with capture_logs() as lines:
        log = StructlogAuthenticationLog()
        log.record(event)
        log.record(AuthenticationEvent(kind=kind, address=HOME))
    level = "warning" if kind is KIND.REFRESH_TOKEN_REUSED else "info"
    start = {"event": kind.value, "log_level": level, "address": HOME}
    known = {"user": str(user), "client": str(client), "session": str(session), "reason": "r"}
    assert lines == [start | known, start]
