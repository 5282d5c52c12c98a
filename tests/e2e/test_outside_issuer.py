"""Tokens of an outside issuer, and our own with Ed25519, in real processes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import jwt
import pytest

from tests.e2e.backing_services import SECRET, migrate
from tests.e2e.service import (
    NO_LIMITS,
    Service,
    User,
    a_data_dir,
    a_prepared_data_dir,
    a_service,
    eventually,
    running_service,
)
from tests.servers.plugin import Shared
from tests.support.key_files import key_files, other_kinds, private_pem
from tests.support.oidc_issuer import AUDIENCE, Issuer, a_key, running_issuer

PROCESSES = 2


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def processes(issuer: Issuer, database: Shared) -> Iterator[Sequence[Service]]:
    """Several services on one database that accept the issuer's tokens."""
    settings = {"DATABASE_URL": database.url, "PROCESSING_DELAY": "0", **NO_LIMITS, **SECRET}
    settings |= {"OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE}
    migrate(settings)
    with ExitStack() as stack:
        yield [stack.enter_context(running_service(**settings)) for _ in range(PROCESSES)]


def user(service: Service, token: str) -> User:
    return User(service, "", "", token)


def test_outside_users_in_several_processes(issuer: Issuer, processes: Sequence[Service]) -> None:
    tokens = [issuer.token(sub="ada") for _ in range(16)]
    with ThreadPoolExecutor(len(tokens)) as threads:
        answers = list(
            threads.map(
                lambda numbered: user(processes[numbered[0] % PROCESSES], numbered[1]).get("/me/"),
                enumerate(tokens),
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1  # one account, whoever was first
    first, second = (user(each, issuer.token(sub="ada")) for each in processes)
    order = first.processed_order()
    assert second.get(f"/orders/{order['id']}/").json() == order

    revoked, kept = issuer.token(sub="ada"), issuer.token(sub="ada")
    assert user(processes[1], revoked).get("/me/").status_code == 200
    answer = processes[0].http.post("/token/revoke/", data={"token": revoked})
    assert answer.status_code == 200
    assert user(processes[0], revoked).get("/me/").status_code == 401
    eventually(lambda: user(processes[1], revoked).get("/me/").status_code == 401)
    assert user(processes[1], kept).get("/me/").status_code == 200


def test_a_restart_during_an_outage_and_a_rotation(issuer: Issuer) -> None:
    settings = {"OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE, **NO_LIMITS}
    with a_prepared_data_dir() as data_dir, a_service(data_dir, **settings) as service:
        service.start()
        local = service.register()
        token = issuer.token(sub="grace")
        account = user(service, token).get("/me/").json()
        issuer.close()
        service.stop()
        service.start()
        answer = user(service, token).get("/me/")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"]
        again = service.log_in(local.email)
        assert again.get("/me/").status_code == 200
        issuer.reopen()
        issuer.keys = [a_key("ES256", "second"), a_key("RS256", "first")]
        eventually(lambda: user(service, token).get("/me/").status_code == 200)
        assert user(service, issuer.token(sub="grace")).get("/me/").json() == account
        assert "the outside issuer is unreachable" in service.log
        assert "the outside issuer is reachable again" in service.log
        assert token not in service.log
        service.stop()


def test_our_own_tokens_change_over_to_ed25519(tmp_path: Path) -> None:
    private, public = key_files(tmp_path, "first")
    with a_prepared_data_dir() as data_dir, a_service(data_dir, **NO_LIMITS) as service:
        old = service.start().register()
        assert jwks(service) == {"keys": []}
        service.stop()
        service.settings["JWT_SIGNING_KEY_FILE"] = private
        service.start()
        new = service.log_in(old.email)
        assert [each.get("/me/").status_code for each in (old, new)] == [200, 200]
        assert is_verified(service, new.token)
        service.stop()
        del service.settings["JWT_SIGNING_KEY_FILE"]
        service.settings["JWT_PREVIOUS_PUBLIC_KEY_FILES"] = public
        service.start()
        assert [each.get("/me/").status_code for each in (old, new)] == [200, 200]
        assert jwt.get_unverified_header(service.log_in(old.email).token)["alg"] == "HS256"
        service.stop()


def jwks(service: Service) -> dict[str, list[dict[str, str]]]:
    answer: httpx.Response = service.http.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    document: dict[str, list[dict[str, str]]] = answer.json()
    return document


def is_verified(service: Service, token: str) -> bool:
    """Verify a token with the published keys, like another service would."""
    keys = jwt.PyJWKSet.from_dict(jwks(service))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, ["EdDSA"], audience="order-management-service")
    return bool(claims["sub"])


def test_another_kind_of_key_is_bad_configuration(tmp_path: Path) -> None:
    file = tmp_path / "rsa.pem"
    file.write_bytes(private_pem(other_kinds()["RSA"]))
    with a_data_dir() as data_dir, a_service(data_dir, JWT_SIGNING_KEY_FILE=str(file)) as service:
        service.spawn()
        assert service.process.wait(60) == 78
        assert "JWT_SIGNING_KEY_FILE: must be a file with an Ed25519 private key" in service.log
        assert "Traceback" not in service.log
