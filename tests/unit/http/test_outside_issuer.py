"""The API with an outside issuer: its tokens, its outages, and everyone else's requests."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from uuid import UUID

import httpx
import pytest
from dishka import Provider, Scope, provide

from adapters.security import issuer_keys
from adapters.security.issuer_client import MAX_BYTES, IssuerClient
from adapters.security.issuer_keys import IssuerKeys
from adapters.security.outside_tokens import IssuerTokens
from application.accounts.change_account import DisableAccount, GrantRole
from application.ports.accounts import EmailAddresses, PasswordHasher, PasswordStore
from application.ports.outside_issuer import OutsideTokens
from domain.actor import Role
from domain.ids import UserId
from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.settings import Settings
from tests.support.accounts import PlainPasswords
from tests.support.app import App, running_app
from tests.support.oidc_issuer import AUDIENCE, KEYS, METADATA, Issuer, a_key, running_issuer
from tests.support.time import MovableClock

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
ORDER = {"items": [{"name": "tea"}], "total_price": 4.5}


class SlowMachineProvider(Provider):
    """The same adapter with a clock that tests move, and much patience."""

    scope = Scope.APP

    def __init__(self, clock: MovableClock, wait_seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._wait_seconds = wait_seconds

    @provide
    async def outside_tokens(self, settings: Settings) -> AsyncIterator[OutsideTokens]:
        assert settings.oidc_issuer
        assert settings.oidc_audience
        fetch = IssuerClient(settings.oidc_issuer).fetch
        keys = IssuerKeys(fetch, self._clock.monotonic, self._wait_seconds)
        yield IssuerTokens(settings.oidc_issuer, settings.oidc_audience, keys)
        await keys.close()


class Harness:
    def __init__(self, app: App, issuer: Issuer, clock: MovableClock) -> None:
        self.app, self.issuer, self.clock = app, issuer, clock

    async def get(self, token: str, path: str = "/me/") -> httpx.Response:
        return await self.app.client.get(path, headers={"Authorization": f"Bearer {token}"})

    async def status(self, token: str) -> tuple[int, str]:
        answer = await self.get(token)
        return answer.status_code, answer.json().get("code", "")

    async def own_token(self) -> str:
        """Register, and return a token of this service."""
        client = self.app.client
        await client.post("/register/", json=ACCOUNT)
        form = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
        token: str = (await client.post("/token/", data=form)).json()["access_token"]
        return token


async def eventually_refused(harness: Harness, token: str) -> None:
    """Wait until the service has read the feed."""
    async with asyncio.timeout(60):
        while (await harness.status(token))[0] == 200:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def wait_seconds() -> float:
    return 60


@pytest.fixture
async def harness(issuer: Issuer, wait_seconds: float) -> AsyncIterator[Harness]:
    clock = MovableClock()
    settings = {"OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE}
    overrides = (MemoryStorageProvider(), SlowMachineProvider(clock, wait_seconds))
    async with running_app("", *overrides, **settings) as app:
        yield Harness(app, issuer, clock)


async def test_an_outside_user_places_and_reads_orders(harness: Harness) -> None:
    token = harness.issuer.token(email="grace@example.com", email_verified=True)
    headers = {"Authorization": f"Bearer {token}"}
    placed = await harness.app.client.post("/orders/", json=ORDER, headers=headers)
    assert placed.status_code == 201
    me = (await harness.get(token)).json()
    assert (me["email"], me["role"], me["id"]) == (
        "grace@example.com",
        "user",
        placed.json()["user_id"],
    )
    assert (await harness.get(token, placed.headers["location"])).status_code == 200
    history = (await harness.get(token, f"{placed.headers['location']}history/")).json()
    assert history[0]["actor"] == {"kind": "user", "id": me["id"]}


async def test_another_token_of_the_subject_belongs_to_the_same_account(harness: Harness) -> None:
    first, second = (harness.issuer.token(sub="ada") for _ in range(2))
    other = harness.issuer.token(sub="bob")
    ids = [(await harness.get(token)).json()["id"] for token in (first, second, other)]
    assert ids[0] == ids[1] != ids[2]


async def test_concurrent_first_requests_create_one_account(harness: Harness) -> None:
    hasher = await harness.app.container.get(PasswordHasher)
    assert isinstance(hasher, PlainPasswords)
    hasher.is_overloaded = True  # hashing takes much longer than storing an account
    tokens = [harness.issuer.token(sub="ada")] * 8 + [harness.issuer.token(sub="ada")] * 8
    answers = await asyncio.gather(*map(harness.get, tokens))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert harness.issuer.requests == [METADATA, KEYS]


async def test_the_address_of_a_local_account_does_not_give_access_to_it(harness: Harness) -> None:
    own = await harness.own_token()
    local = (await harness.get(own)).json()
    outside = harness.issuer.token(email=local["email"].upper(), email_verified=True)
    me = (await harness.get(outside)).json()
    assert me["id"] != local["id"]
    assert me["email"] == f"outside@{me['id']}"


async def test_a_placeholder_cannot_be_registered(harness: Harness) -> None:
    me = (await harness.get(harness.issuer.token())).json()
    form = {"email": me["email"], "password": ACCOUNT["password"]}
    assert (await harness.app.client.post("/register/", json=form)).status_code == 422


async def test_nobody_can_log_in_to_an_outside_account_with_a_password(harness: Harness) -> None:
    token = harness.issuer.token(email="grace@example.com", email_verified=True)
    await harness.get(token)
    for password in ("", "x", "grace@example.com"):
        form = {"username": "grace@example.com", "password": password}
        assert (await harness.app.client.post("/token/", data=form)).status_code in {401, 422}
    request = {"current_password": "x", "new_password": "correct horse battery"}
    headers = {"Authorization": f"Bearer {token}"}
    answer = await harness.app.client.post("/me/password/", json=request, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-password")


async def test_an_outside_token_has_no_session(harness: Harness) -> None:
    token = harness.issuer.token(sub="ada")
    assert (await harness.get(token, "/me/sessions/")).json() == []
    lines = (await harness.get(token, "/me/export/")).text.splitlines()
    account, identity, end = map(json.loads, lines)
    assert account["type"] == "account"
    assert identity == {"type": "identity", "issuer": harness.issuer.url, "subject": "ada"}
    assert end == {"type": "end", "sessions": 0, "orders": 0}


async def test_an_operator_grants_roles_and_disables_the_account(harness: Harness) -> None:
    token = harness.issuer.token(sub="grace", email="grace@example.com", email_verified=True)
    await harness.get(token)
    addresses = await harness.app.container.get(EmailAddresses)
    address = addresses.of("grace@example.com")
    await (await harness.app.container.get(GrantRole))(address, Role.STAFF)
    await (await harness.app.container.get(DisableAccount))(address)
    again = harness.issuer.token(sub="grace")
    await eventually_refused(harness, token)
    assert await harness.status(token) == (401, "token-invalid")
    assert await harness.status(again) == (401, "token-invalid")


async def test_a_changed_password_ends_every_outside_token_but_the_callers(
    harness: Harness,
) -> None:
    own, other = (harness.issuer.token(sub="grace") for _ in range(2))
    for token in (own, other):
        assert await harness.status(token) == (200, "")
    container, client = harness.app.container, harness.app.client
    headers = {"Authorization": f"Bearer {own}"}
    user_id = UserId(UUID((await harness.get(own)).json()["id"]))
    hasher, store = await container.get(PasswordHasher), await container.get(PasswordStore)
    new_hash = await hasher.hash(ACCOUNT["password"])
    await store.rehash(user_id, hasher.unusable(), new_hash)  # it doesn't end any tokens
    change = {"current_password": ACCOUNT["password"], "new_password": "battery staple horse"}
    answer = await client.post("/me/password/", json=change, headers=headers)
    assert answer.status_code == 204
    assert await harness.status(own) == (200, "")
    assert await harness.status(other) == (401, "token-invalid")
    closure = {"password": change["new_password"]}
    answer = await client.request("DELETE", "/me/", json=closure, headers=headers)
    assert answer.status_code == 204
    for token in (own, other, harness.issuer.token(sub="grace", iat=int(time.time()) - 60)):
        assert await harness.status(token) == (401, "token-invalid")
    later = await harness.get(harness.issuer.token(sub="grace", iat=int(time.time()) + 30))
    assert later.status_code == 200
    assert later.json()["id"] != str(user_id)


async def test_a_revoked_outside_token_ends_alone(harness: Harness) -> None:
    revoked, other = (harness.issuer.token(sub="ada") for _ in range(2))
    assert await harness.status(other) == (200, "")
    answer = await harness.app.client.post("/token/revoke/", data={"token": revoked})
    assert answer.status_code == 200
    assert await harness.status(revoked) == (401, "token-invalid")
    assert await harness.status(other) == (200, "")


async def test_a_revocation_during_an_outage_is_not_confirmed(harness: Harness) -> None:
    harness.issuer.close()
    answer = await harness.app.client.post("/token/revoke/", data={"token": harness.issuer.token()})
    assert answer.status_code == 503


async def test_an_unreachable_issuer_is_a_503_for_its_own_tokens_only(harness: Harness) -> None:
    own = await harness.own_token()
    harness.issuer.close()
    answer = await harness.get(harness.issuer.token())
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "issuer" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    assert await harness.status(own) == (200, "")
    assert await harness.status("forged") == (401, "token-invalid")
    harness.issuer.reopen()
    await harness.clock.advance(issuer_keys.RETRY_SECONDS)
    assert await harness.status(harness.issuer.token()) == (200, "")


async def test_known_keys_outlive_an_outage(harness: Harness) -> None:
    await harness.get(harness.issuer.token())
    harness.issuer.close()
    await harness.clock.advance(3600)
    assert await harness.status(harness.issuer.token()) == (200, "")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (METADATA, (200, {}, b" " * (MAX_BYTES + 1))),
        (KEYS, (302, {"Location": "https://attacker.example"}, b"")),
        (KEYS, (200, {}, b"[" * 100_000)),
        (METADATA, (200, {}, b'{"issuer":"https://attacker.example"}')),
    ],
    ids=["huge", "redirect", "deep", "another issuer"],
)
async def test_a_harmful_answer_is_an_outage(
    harness: Harness, path: str, answer: tuple[int, Mapping[str, str], bytes]
) -> None:
    harness.issuer.answers[path] = answer
    assert await harness.status(harness.issuer.token()) == (503, "unavailable")


@pytest.mark.parametrize("wait_seconds", [0.01])
async def test_a_slow_issuer_delays_nothing_else(harness: Harness) -> None:
    own = await harness.own_token()
    harness.issuer.is_open.clear()  # it does not answer until the end of the test
    assert await harness.status(harness.issuer.token()) == (503, "unavailable")
    for _ in range(10):
        assert await harness.status(own) == (200, "")
    assert set(harness.issuer.requests) <= {METADATA}


async def test_forged_tokens_cause_few_requests_to_the_issuer(harness: Harness) -> None:
    await harness.get(harness.issuer.token())
    await harness.clock.advance(issuer_keys.RETRY_SECONDS)
    for number in range(50):
        stranger = harness.issuer.token(a_key("EdDSA", "attacker"), header={"kid": f"k{number}"})
        assert await harness.status(stranger) == (401, "token-invalid")
    assert harness.issuer.requests == [METADATA, KEYS] * 2


async def test_a_rotation_needs_no_restart(harness: Harness) -> None:
    old = harness.issuer.token()
    assert await harness.status(old) == (200, "")
    harness.issuer.keys = [a_key("ES256", "second"), *harness.issuer.keys]
    await harness.clock.advance(issuer_keys.RETRY_SECONDS)
    assert await harness.status(harness.issuer.token()) == (200, "")
    assert await harness.status(old) == (200, "")


async def test_an_expired_outside_token_is_named_so(harness: Harness) -> None:
    expired = harness.issuer.token(exp=1_000_000_000)
    assert await harness.status(expired) == (401, "token-expired")


async def test_without_an_outside_issuer_its_tokens_are_refused(issuer: Issuer) -> None:
    async with running_app("", MemoryStorageProvider()) as app:
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        answer = await app.client.get("/me/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")
    assert issuer.requests == []


async def test_outside_tokens_work_while_the_password_grant_is_closed(issuer: Issuer) -> None:
    settings = {"OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE, "PASSWORD_GRANT": "off"}
    overrides = (MemoryStorageProvider(), SlowMachineProvider(MovableClock(), 60))
    async with running_app("", *overrides, **settings) as app:
        harness = Harness(app, issuer, MovableClock())
        assert await harness.status(issuer.token()) == (200, "")
