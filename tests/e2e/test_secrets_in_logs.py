"""Logs, metrics and responses have no secrets and no e-mail addresses, even after errors."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e import failing_adapters
from tests.e2e.service import (
    NO_LIMITS,
    PASSWORD,
    TEA,
    Service,
    User,
    a_data_dir,
    a_service,
    an_email,
    eventually,
    running_service,
)

KEY = "an-idempotency-key"
REFRESH_TOKEN = "a-refresh-token-" + "r" * 48
ORDER = "/orders/01890a5d-ac96-774b-bcce-b302099a8057/"
WITH_TOKEN = (
    ("GET", "/me/"),
    ("GET", "/orders/"),
    ("POST", "/orders/"),
    ("GET", ORDER),
    ("PATCH", ORDER),
    ("GET", f"{ORDER}history/"),
    ("GET", "/orders/user/01890a5d-ac96-774b-bcce-b302099a8057/"),
)


@pytest.fixture(params=["console", "json"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    settings = {"ORDERS_PROVIDERS": "failing_adapters:FailingAdapters", "PROCESSING_DELAY": "0"}
    settings |= {"LOG_FORMAT": request.param, "LOG_LEVEL": "DEBUG"}
    with a_data_dir() as folder, a_service(folder, **NO_LIMITS, **settings) as stopped:
        folder.chmod(0o755)  # the service only does this itself if the folder is empty
        (folder / "failing_adapters.py").write_text(Path(failing_adapters.__file__).read_text())
        yield stopped.start()


def failures(user: User) -> Iterator[httpx.Response]:
    """Call every route that handles a secret and yield the responses."""
    http = user.service.http
    yield http.post("/register/", json={"email": an_email(), "password": PASSWORD})
    yield http.post("/token/", data={"username": user.email, "password": PASSWORD})
    yield refresh(user.service, REFRESH_TOKEN)
    yield http.post("/token/revoke/", data={"token": REFRESH_TOKEN})
    for method, path in WITH_TOKEN:
        yield user.request(method, path, json=TEA if method == "POST" else None)
    yield user.request("POST", "/orders/", json=TEA, headers={"Idempotency-Key": KEY})


def test_errors_log_no_secrets_and_delay_no_stop(service: Service) -> None:
    user = service.register()
    (service.data_dir / "no-stock").touch()
    user.order()
    eventually(lambda: "a task failed" in service.log)
    (service.data_dir / "unforeseen").touch()
    answers = list(failures(user))
    assert [answer.status_code for answer in answers] == [500] * len(answers)
    assert not [answer.text for answer in answers if "unforeseen" in answer.text]
    eventually(lambda: "never retrieved" in service.log)
    stop_during_errors(user)
    log = service.log
    assert log.count("unhandled exception") >= len(answers)
    assert log.count("Traceback (most recent call last)") >= len(answers)
    hidden = (PASSWORD, REFRESH_TOKEN, "$argon2id$v=", "s3cret", KEY)
    for secret in (user.token, *user.token.split("."), user.email, *hidden):
        assert secret not in log, log[log.index(secret) - 500 :][:600]
    if service.settings["LOG_FORMAT"] == "json":
        assert [json.loads(line) for line in log.splitlines()]


def stop_during_errors(user: User) -> None:
    """Stop the service while many clients are receiving errors."""
    statuses: list[int] = []

    def request_until_stopped() -> None:
        with httpx.Client(base_url=user.service.http.base_url, timeout=120) as client:
            while True:
                try:
                    bearer = {"Authorization": f"Bearer {user.token}"}
                    statuses.append(client.get("/me/", headers=bearer).status_code)
                except httpx.TransportError:
                    return

    threads = [threading.Thread(target=request_until_stopped) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(statuses) > 100)
    user.service.stop()
    for thread in threads:
        thread.join()
    assert set(statuses) == {500}


# --- a whole run without errors of the service

WRONG_PASSWORD = "not the right horse"
STRANGE_KEY = "order-of-ada-4711"


@pytest.fixture(params=["console", "json"])
def logging_service(request: pytest.FixtureRequest) -> Iterator[Service]:
    settings = {"LOG_FORMAT": request.param, "LOG_LEVEL": "DEBUG", "PROCESSING_DELAY": "0"}
    with running_service(**NO_LIMITS, **settings) as service:
        yield service


def refresh(service: Service, token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return service.http.post("/token/", data=form)


def use_of_refresh_tokens(user: User) -> Iterator[str]:
    """Use, reuse and revoke tokens, and yield all of them."""
    http = user.service.http
    form = {"username": user.email, "password": PASSWORD}
    first = http.post("/token/", data=form).json()
    second = refresh(user.service, first["refresh_token"]).json()
    yield from (first["access_token"], first["refresh_token"])
    yield from (second["access_token"], second["refresh_token"])
    for token in (second["refresh_token"], second["access_token"], "A" * 64, "wrong-token"):
        assert http.post("/token/revoke/", data={"token": token}).status_code == 200
        assert refresh(user.service, token).status_code == 401
        yield token
    for path in ("/me/sessions/", f"/me/sessions/{first['refresh_token']}/"):
        user.request("DELETE", path)
    assert user.get("/me/sessions/").status_code == 200


def use_of_a_client_secret(service: Service) -> Iterator[str]:
    """Get tokens for a machine client, rightly and wrongly, and yield all secrets."""
    done = service.run("clients", "create", "payments", "--scope", "orders:read", "--json")
    created = json.loads(done.stdout)
    name, secret = created["client_id"], created["client_secret"]
    form = {"grant_type": "client_credentials"}
    for each in (secret, f"{secret}x"):
        credentials = {"client_id": name, "client_secret": each}
        answer = service.http.post("/token/", data=form | credentials)
        basic = service.http.post("/token/", data=form, auth=(name, each))
        assert answer.status_code == basic.status_code == (200 if each == secret else 401)
        yield from (each, b64encode(f"{name}:{each}".encode()).decode())
        if answer.status_code == 200:
            yield from (answer.json()["access_token"], basic.json()["access_token"])


def use_of_passwords(service: Service) -> Iterator[str]:
    """Change the password of an account, export and close it. Yield all secrets."""
    user, new = service.register(), "a new and better horse"
    change = {"current_password": WRONG_PASSWORD, "new_password": new}
    assert user.request("POST", "/me/password/", json=change).status_code == 403
    change |= {"current_password": PASSWORD}
    assert user.request("POST", "/me/password/", json=change).status_code == 204
    assert user.get("/me/export/").status_code == 200
    for password, status in ((WRONG_PASSWORD, 403), (new, 204)):
        answer = user.request("DELETE", "/me/", json={"password": password})
        assert answer.status_code == status
    yield from (user.email, user.token, new)


def responses_of_a_whole_run(user: User, forged: str) -> Iterator[httpx.Response]:
    """Use every route, rightly and wrongly, and yield the responses that must not have secrets."""
    http, token = user.service.http, user.token
    registration = {"email": user.email, "password": PASSWORD}
    yield http.post("/register/", json=registration)  # taken
    yield http.post("/register/", json=registration | {"email": f"{user.email}@"})
    yield http.post("/register/", json=registration | {"mail": user.email, "x": token})
    yield http.post("/token/", data={"username": user.email, "password": WRONG_PASSWORD})
    yield http.post("/token/", data={"username": f"{user.email} x", "password": PASSWORD})
    yield http.post("/token/", params={"password": WRONG_PASSWORD}, data={"username": "a"})
    yield http.get("/me/", headers={"Authorization": f"Bearer {forged}"})
    yield http.get("/me/", headers={"Authorization": f"Basic {token}"})
    key = {"Idempotency-Key": STRANGE_KEY}
    order = user.request("POST", "/orders/", json=TEA, headers=key)
    yield order
    yield user.request("POST", "/orders/", json=TEA, headers=key)
    yield user.request("POST", "/orders/", json=TEA | {"total_price": 9}, headers=key)
    yield user.patch(order.json(), "PAID", reason="paid by card")
    yield user.get(f"/orders/{order.json()['id']}/history/")
    yield user.get("/orders/", params={"limit": "1"})
    yield http.get("/health/ready/")
    yield http.get("/metrics")


def test_a_whole_run_leaves_no_secret_in_logs_metrics_and_responses(
    logging_service: Service,
) -> None:
    user, stranger = logging_service.register(), logging_service.register()
    header, payload, _ = user.token.split(".")
    forged = f"{header}.{payload}.{'A' * 43}"
    tokens = list(use_of_refresh_tokens(user))
    tokens += [*use_of_a_client_secret(logging_service), *use_of_passwords(logging_service)]
    responses = list(responses_of_a_whole_run(user, forged))
    assert {answer.status_code for answer in responses} >= {200, 201, 401, 409, 422}
    # By mistake, secrets in the path: the path is repeated in the response, but not in the log.
    for secret in (user.token, user.email, f"Bearer {forged}"):
        assert stranger.get(f"/orders/{secret}/").status_code == 404
    user.processed_order()
    logging_service.stop()
    secrets = [user.email, user.token, *user.token.split("."), forged, PASSWORD, WRONG_PASSWORD]
    secrets += tokens
    for place, text in [("log", logging_service.log), *((a.request, a.text) for a in responses)]:
        for secret in (*secrets, STRANGE_KEY, "$argon2id$"):
            assert secret not in text, (place, secret, text[text.index(secret) - 300 :][:600])
    assert logging_service.log.count("login succeeded") >= 2
    assert logging_service.log.count("access refused") >= 1
