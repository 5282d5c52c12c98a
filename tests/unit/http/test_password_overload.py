"""Logins and registrations beyond the bound of waiting passwords are a 503 with Retry-After."""

import asyncio
import threading
from collections.abc import Iterator

import argon2
import httpx
import pytest
from dishka import Provider, Scope, provide

from adapters.security.passwords import Argon2Passwords
from application.ports.accounts import PasswordHasher
from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

PENDING = 4


class BoundedPasswordsProvider(Provider):
    """Provides hashing with a small bound."""

    scope = Scope.APP

    @provide
    def passwords(self) -> Iterator[PasswordHasher]:
        passwords = Argon2Passwords(at_once=1, max_pending=PENDING)
        yield passwords
        passwords.close()


@pytest.fixture
def may_hash(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return the event that all hashing waits for."""
    event = threading.Event()
    hash_password = argon2.PasswordHasher.hash

    def wait(hasher: argon2.PasswordHasher, password: bytes) -> str:
        event.wait(60)
        return hash_password(hasher, password)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", wait)
    return event


async def test_a_flood_of_logins_is_refused_while_other_routes_answer(
    may_hash: threading.Event,
) -> None:
    async with running_app("", MemoryStorageProvider(), BoundedPasswordsProvider()) as app:

        async def log_in(number: int) -> httpx.Response:
            form = {"username": f"user{number}@example.com", "password": "a wrong password"}
            return await app.client.post("/token/", data=form)

        waiting = [asyncio.ensure_future(log_in(number)) for number in range(50)]
        refused, admitted = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        while len(refused) < 50 - PENDING:
            more, admitted = await asyncio.wait(admitted, return_when=asyncio.FIRST_COMPLETED)
            refused |= more
        for each in refused:
            answer = each.result()
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["code"] == "unavailable"
        registration = {"email": "ada@example.com", "password": "correct horse battery"}
        assert (await app.client.post("/register/", json=registration)).status_code == 503
        assert (await app.client.get("/health/")).status_code == 200
        may_hash.set()
        assert {(await each).status_code for each in admitted} == {401}
        assert (await app.client.post("/register/", json=registration)).status_code == 201
