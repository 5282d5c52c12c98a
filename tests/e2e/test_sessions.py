"""Section 4 of the contract: refresh tokens, revocation and sessions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from tests.e2e.assertions import assert_problem, concurrently, field_errors
from tests.e2e.conftest import TOKEN_TTL_SECONDS
from tests.e2e.service import (
    NO_LIMITS,
    PASSWORD,
    Service,
    User,
    a_prepared_data_dir,
    a_service,
    eventually,
    running_service,
)

#: An id that does not exist. It is fixed because all test workers need the same test names.
UNKNOWN = "0190a0c0-0000-7000-8000-000000000000"
BROWSER = {"User-Agent": "Browser/1.0"}
PHONE = {"User-Agent": "Phone/2.0"}
INVALID = 'Bearer error="invalid_token", error_description="The access token is not valid"'


@dataclass
class Tokens:
    """The tokens of a session."""

    service: Service
    access: str
    refresh: str

    @property
    def user(self) -> User:
        """The user, with the access token."""
        return User(self.service, "", "", self.access)


def tokens_of(service: Service, answer: httpx.Response) -> Tokens:
    assert answer.status_code == 200, answer.text
    return Tokens(service, answer.json()["access_token"], answer.json()["refresh_token"])


def log_in(user: User, headers: dict[str, str] = BROWSER) -> Tokens:
    form = {"username": user.email, "password": PASSWORD}
    answer = user.service.http.post("/token/", data=form, headers=headers)
    return tokens_of(user.service, answer)


def request_refresh(tokens: Tokens, headers: dict[str, str] = BROWSER) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    return tokens.service.http.post("/token/", data=form, headers=headers)


def refreshed(tokens: Tokens, headers: dict[str, str] = BROWSER) -> Tokens:
    return tokens_of(tokens.service, request_refresh(tokens, headers))


def revoke(service: Service, **form: str) -> httpx.Response:
    return service.http.post("/token/revoke/", data=form)


def is_accepted(tokens: Tokens) -> bool:
    """Return whether the access token is accepted. Assert that it is invalid otherwise."""
    answer = tokens.user.get("/me/")
    if answer.status_code == 200:
        return True
    assert_problem(answer, 401, "token-invalid")
    assert answer.headers["www-authenticate"] == INVALID
    return False


def assert_refused(answer: httpx.Response) -> None:
    problem = assert_problem(answer, 401, "invalid-refresh-token")
    assert problem["error"] == "invalid_grant"
    assert answer.headers["cache-control"] == "no-store"


def sessions(user: User) -> list[dict[str, Any]]:
    answer = user.get("/me/sessions/")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: list[dict[str, Any]] = answer.json()
    return found


# --- POST /token/ with grant_type=refresh_token


def test_a_login_and_a_refresh_return_the_same_members(newcomer: User) -> None:
    first = log_in(newcomer)
    answer = request_refresh(first)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert token.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (token["token_type"], token["expires_in"]) == ("bearer", TOKEN_TTL_SECONDS)
    assert token["refresh_token"] != first.refresh
    assert tokens_of(first.service, answer).user.get("/me/").json()["id"] == newcomer.id
    assert is_accepted(first)


def test_a_refresh_token_is_opaque(newcomer: User) -> None:
    assert re.fullmatch("[A-Za-z0-9_-]{64}", log_in(newcomer).refresh)


def test_refreshing_keeps_the_session(newcomer: User) -> None:
    first = log_in(newcomer)
    second = refreshed(first)
    third = refreshed(second)
    families = {
        jwt.decode(each.access, options={"verify_signature": False})["fam"]
        for each in (first, second, third)
    }
    assert len(families) == 1
    assert families <= {each["id"] for each in sessions(newcomer)}


def test_a_spent_refresh_token_ends_its_session_and_no_other(newcomer: User) -> None:
    stolen, other = log_in(newcomer), log_in(newcomer)
    current = refreshed(stolen)
    assert_refused(request_refresh(stolen, PHONE))
    assert not is_accepted(current)
    assert not is_accepted(stolen)
    assert_refused(request_refresh(current))
    assert is_accepted(refreshed(other))


def test_a_client_that_lost_the_response_may_repeat_its_request(newcomer: User) -> None:
    first = log_in(newcomer)
    both = [refreshed(first), refreshed(first)]
    for tokens in both:
        assert is_accepted(refreshed(tokens))


def test_concurrent_refreshes_by_one_client_all_succeed(newcomer: User) -> None:
    first = log_in(newcomer)
    answers = concurrently([lambda: request_refresh(first)] * 5)
    assert len({tokens_of(newcomer.service, answer).refresh for answer in answers}) == 5


@pytest.mark.parametrize("token", ["forged", "a" * 64, "\u00e9" * 64, " ", "x" * 9_000])
def test_an_unknown_refresh_token_is_refused(service: Service, token: str) -> None:
    assert_refused(request_refresh(Tokens(service, "", token)))


def test_the_two_kinds_of_tokens_are_not_interchangeable(newcomer: User) -> None:
    tokens = log_in(newcomer)
    assert not is_accepted(Tokens(tokens.service, tokens.refresh, ""))
    assert_refused(request_refresh(Tokens(tokens.service, "", tokens.access)))
    assert is_accepted(refreshed(tokens))


@pytest.mark.parametrize("form", [{}, {"refresh_token": ""}])
def test_a_missing_refresh_token_is_422(service: Service, form: dict[str, str]) -> None:
    answer = service.http.post("/token/", data={"grant_type": "refresh_token", **form})
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem["error"] == "invalid_request"
    assert field_errors(answer) == {("refresh_token", "missing")}


def test_an_unknown_grant_type_has_its_own_code(service: Service) -> None:
    form = {"grant_type": "magic", "username": "a@example.com", "password": "x"}
    answer = service.http.post("/token/", data=form)
    assert assert_problem(answer, 422, "invalid-request")["error"] == "invalid_request"
    assert field_errors(answer) == {("grant_type", "unknown-grant-type")}


def test_a_refresh_token_expires_unless_it_is_used() -> None:
    with running_service(**NO_LIMITS, REFRESH_TOKEN_TTL="1") as service:
        tokens = log_in(service.register())
        assert is_accepted(tokens)
        [session] = [each for each in sessions(tokens.user) if each["current"]]
        lifetime = moment(session["expires_at"]) - moment(session["created_at"])
        assert lifetime == timedelta(seconds=1)
        eventually(lambda: sessions(tokens.user) == [])
        assert_refused(request_refresh(tokens))


def test_refresh_tokens_are_not_subject_to_the_limit_of_logins(limited_service: Service) -> None:
    address = {"X-Forwarded-For": "192.0.2.150"}
    user = limited_service.register(**address)
    tokens = log_in(user, address)
    guess = {"username": user.email, "password": "wrong horse"}
    statuses = [
        limited_service.http.post("/token/", data=guess, headers=address).status_code
        for _ in range(3)
    ]
    assert statuses == [401, 401, 429]
    for _ in range(3):
        tokens = refreshed(tokens, address)
    for _ in range(3):
        assert_refused(request_refresh(Tokens(limited_service, "", "x"), address))
    assert is_accepted(refreshed(tokens, address))


# --- POST /token/revoke/


def test_a_revoked_access_token_ends_at_once_and_alone(newcomer: User) -> None:
    first = log_in(newcomer)
    second = refreshed(first)
    assert is_accepted(first)
    answer = revoke(newcomer.service, token=first.access)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not is_accepted(first)
    assert is_accepted(second)
    assert is_accepted(refreshed(second))


def test_a_revoked_refresh_token_ends_its_session(newcomer: User) -> None:
    first, other = log_in(newcomer), log_in(newcomer)
    second = refreshed(first)
    assert revoke(newcomer.service, token=second.refresh).status_code == 200
    assert not is_accepted(first)
    assert not is_accepted(second)
    assert_refused(request_refresh(second))
    assert is_accepted(other)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "magic"])
def test_the_hint_about_the_type_is_ignored(newcomer: User, hint: str) -> None:
    tokens = log_in(newcomer)
    answer = revoke(newcomer.service, token=tokens.refresh, token_type_hint=hint)
    assert answer.status_code == 200
    assert not is_accepted(tokens)


@pytest.mark.parametrize("token", ["forged", "a.b.c", "a" * 64, "\u00e9", "x" * 9_000])
def test_revoking_an_unknown_token_succeeds(service: Service, token: str) -> None:
    for _ in range(2):
        answer = revoke(service, token=token)
        assert (answer.status_code, answer.content) == (200, b"")


def test_revoking_twice_succeeds(newcomer: User) -> None:
    tokens = log_in(newcomer)
    for token in (tokens.access, tokens.access, tokens.refresh, tokens.refresh):
        assert revoke(newcomer.service, token=token).status_code == 200


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"token_type_hint": "access_token"}])
def test_a_revocation_without_a_token_is_422(service: Service, form: dict[str, str]) -> None:
    answer = revoke(service, **form)
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem["error"] == "invalid_request"
    assert field_errors(answer) == {("token", "missing")}


# --- GET /me/sessions/ and DELETE


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_sessions_are_listed_newest_first(newcomer: User) -> None:
    old, new = log_in(newcomer), log_in(newcomer, PHONE)
    newest, older, first = sessions(new.user)
    assert newest.keys() == {
        "id",
        "created_at",
        "last_used_at",
        "expires_at",
        "address",
        "user_agent",
        "current",
    }
    assert [each["user_agent"] for each in (newest, older)] == ["Phone/2.0", "Browser/1.0"]
    assert [each["current"] for each in (newest, older, first)] == [True, False, False]
    assert [each["current"] for each in sessions(old.user)] == [False, True, False]
    assert newest["address"] == "127.0.0.1"
    assert moment(newest["created_at"]) == moment(newest["last_used_at"])
    assert moment(newest["expires_at"]) - moment(newest["created_at"]) == timedelta(days=30)


def test_a_refresh_updates_its_session(newcomer: User) -> None:
    tokens = log_in(newcomer)
    before = sessions(tokens.user)[0]
    tokens = refreshed(tokens, PHONE)
    after = sessions(tokens.user)[0]
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert after["user_agent"] == "Phone/2.0"
    for time in ("last_used_at", "expires_at"):
        assert moment(after[time]) > moment(before[time])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [(b"x" * 300, "x" * 256), (b"a\tb", "ab"), (b"caf\xe9", "caf\u00e9"), (b"", "")],
    ids=str,
)
def test_a_user_agent_is_shortened_and_printable(newcomer: User, sent: bytes, shown: str) -> None:
    form = {"username": newcomer.email, "password": PASSWORD}
    headers = [(b"User-Agent", sent)]
    answer = newcomer.service.http.post("/token/", data=form, headers=headers)
    tokens = tokens_of(newcomer.service, answer)
    assert sessions(tokens.user)[0]["user_agent"] == shown


def test_a_user_ends_a_session(newcomer: User) -> None:
    other = log_in(newcomer)
    session_id = sessions(other.user)[0]["id"]
    answer = newcomer.request("DELETE", f"/me/sessions/{session_id}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not is_accepted(other)
    assert_refused(request_refresh(other))
    assert session_id not in {each["id"] for each in sessions(newcomer)}
    again = newcomer.request("DELETE", f"/me/sessions/{session_id}/")
    assert_problem(again, 404, "session-not-found")


def test_a_user_ends_their_current_session(newcomer: User) -> None:
    tokens = log_in(newcomer)
    session_id = sessions(tokens.user)[0]["id"]
    assert tokens.user.request("DELETE", f"/me/sessions/{session_id}/").status_code == 204
    assert not is_accepted(tokens)


def test_foreign_unknown_and_malformed_sessions_have_the_same_problem(
    newcomer: User, ada: User
) -> None:
    foreign = sessions(ada)[0]["id"]
    details = set()
    for session_id in (foreign, UNKNOWN, "x", "\u00e9", "0"):
        answer = newcomer.request("DELETE", f"/me/sessions/{session_id}/")
        details.add(assert_problem(answer, 404, "session-not-found")["detail"])
    assert len(details) == 1
    assert foreign in {each["id"] for each in sessions(ada)}


def test_staff_end_all_sessions_of_a_user(newcomer: User, staff: User) -> None:
    every = [Tokens(newcomer.service, newcomer.token, ""), log_in(newcomer), log_in(newcomer)]
    answer = staff.request("DELETE", f"/users/{newcomer.id}/sessions/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [is_accepted(tokens) for tokens in every] == [False] * 3
    assert sessions(log_in(newcomer).user)[0]["current"]


@pytest.mark.parametrize("user_id", [UNKNOWN, "x"])
def test_ending_the_sessions_of_an_unknown_user_changes_nothing(staff: User, user_id: str) -> None:
    assert staff.request("DELETE", f"/users/{user_id}/sessions/").status_code == 204


def test_only_staff_end_the_sessions_of_users(newcomer: User, ada: User) -> None:
    for user_id in (ada.id, newcomer.id, UNKNOWN, "x"):
        answer = newcomer.request("DELETE", f"/users/{user_id}/sessions/")
        assert_problem(answer, 403, "staff-only")
    assert sessions(newcomer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me/sessions/"),
        ("DELETE", f"/me/sessions/{UNKNOWN}/"),
        ("DELETE", f"/users/{UNKNOWN}/sessions/"),
    ],
)
def test_sessions_need_a_token(service: Service, method: str, path: str) -> None:
    assert_problem(service.http.request(method, path), 401, "token-missing")


# --- Operators, restarts and logs


@pytest.fixture(scope="module")
def quiet_service() -> Iterator[Service]:
    """A service that logs everything and can be restarted."""
    with (
        a_prepared_data_dir() as folder,
        a_service(folder, **NO_LIMITS, LOG_LEVEL="DEBUG") as service,
    ):
        yield service.start()


def test_an_operator_ends_sessions_and_the_running_service_follows(quiet_service: Service) -> None:
    user = quiet_service.register()
    tokens = log_in(user)
    done = quiet_service.run("users", "end-sessions", user.email)
    assert (done.returncode, done.stdout) == (0, f"Ended the sessions of {user.email}: 2.\n")
    eventually(lambda: not is_accepted(tokens))
    assert_refused(request_refresh(tokens))
    missing = quiet_service.run("users", "end-sessions", "nobody@example.com")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_a_new_password_by_an_operator_ends_all_sessions(quiet_service: Service) -> None:
    user = quiet_service.register()
    tokens = log_in(user)
    command = ("users", "set-password", user.email, "--password-stdin")
    assert quiet_service.run(*command, stdin="another correct horse\n").returncode == 0
    eventually(lambda: not is_accepted(tokens))
    assert_refused(request_refresh(tokens))


def test_a_disabled_account_cannot_refresh(quiet_service: Service) -> None:
    user = quiet_service.register()
    tokens = log_in(user)
    assert quiet_service.run("users", "disable", user.email).returncode == 0
    assert_refused(request_refresh(tokens))
    eventually(lambda: not is_accepted(tokens))
    assert quiet_service.run("users", "enable", user.email).returncode == 0
    again = refreshed(tokens)
    eventually(lambda: is_accepted(again))


def test_sessions_and_revocations_survive_a_restart(quiet_service: Service) -> None:
    user = quiet_service.register()
    revoked, ended, current = log_in(user), log_in(user), log_in(user)
    revoke(quiet_service, token=revoked.access)
    revoke(quiet_service, token=ended.refresh)
    quiet_service.kill()
    quiet_service.start()
    assert [is_accepted(tokens) for tokens in (revoked, ended, current)] == [False, False, True]
    assert is_accepted(refreshed(current))


def test_tokens_are_not_logged(quiet_service: Service) -> None:
    first = log_in(quiet_service.register())
    second = refreshed(first)
    request_refresh(first, PHONE)
    revoke(quiet_service, token=second.refresh)
    eventually(lambda: "refresh token reused" in quiet_service.log)
    for token in (first.access, first.refresh, second.access, second.refresh):
        assert token not in quiet_service.log
