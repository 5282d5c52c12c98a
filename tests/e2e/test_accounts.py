"""Section 4 of the contract: accounts and tokens."""

import base64
import json
import secrets
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.e2e.assertions import assert_problem, field_errors
from tests.e2e.conftest import TOKEN_TTL_SECONDS
from tests.e2e.service import PASSWORD, Service, User, an_email, eventually

# --- POST /register/


def test_registration_returns_the_account_without_secrets(service: Service) -> None:
    email = an_email()
    answer = service.http.post("/register/", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201
    account = answer.json()
    assert account.keys() == {"id", "email", "role", "created_at"}
    assert (account["email"], account["role"]) == (email, "user")


@pytest.mark.parametrize("respell", [str, str.upper, str.title])
def test_a_taken_address_is_rejected_in_any_case(service: Service, ada: User, respell: Any) -> None:
    registration = {"email": respell(ada.email), "password": PASSWORD}
    answer = service.http.post("/register/", json=registration)
    assert_problem(answer, 409, "email-taken")


def test_unicode_forms_of_an_address_are_one_account(service: Service) -> None:
    composed, decomposed = "\u00e9." + (email := an_email()), "e\u0301." + email
    first = service.http.post("/register/", json={"email": composed, "password": PASSWORD})
    assert first.status_code == 201
    answer = service.http.post("/register/", json={"email": decomposed, "password": PASSWORD})
    assert_problem(answer, 409, "email-taken")


#: Both forms of a domain, followed by scripts that write vowels as combining marks.
ADDRESSES = [
    ("{}@b\u00fccher.example", "{}@xn--bcher-kva.example"),
    ("{}\u0938\u0902\u092a\u0930\u094d\u0915@\u0921\u093e\u091f\u093e.\u092d\u093e\u0930\u0924",)
    * 2,
    (
        "{}\u0e1c\u0e39\u0e49\u0e43\u0e0a\u0e49@\u0e15\u0e31\u0e27\u0e2d\u0e22\u0e48\u0e32\u0e07.\u0e44\u0e17\u0e22",
    )
    * 2,
    ("{}\u0130stanbul@example.com", "{}i\u0307stanbul@example.com"),
]


@pytest.mark.parametrize("forms", ADDRESSES, ids=["domain", "Hindi", "Thai", "Turkish"])
@pytest.mark.parametrize("in_order", [iter, reversed])
def test_equivalent_addresses_of_any_script_are_one_account(
    service: Service, forms: tuple[str, str], in_order: Any
) -> None:
    unique = secrets.token_hex(6)
    first, second = (form.format(unique) for form in in_order(forms))
    answer = service.http.post("/register/", json={"email": first, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    answer = service.http.post("/register/", json={"email": second, "password": PASSWORD})
    assert_problem(answer, 409, "email-taken")
    for each in (first, second, second.upper()):
        assert service.log_in(each).get("/me/").status_code == 200


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada @example.com",
        "ada@exam ple.com",
        "ada@example..com",
        "ada@-example.com",
        "a@b@example.com",
        "ada@example.com ",
        "Ada <ada@example.com>",
        "ada@example.com\n",
        "ada\0@example.com",
        "x" * 65 + "@example.com",
        "x@" + "y" * 64 + ".com",
        "x@" + "y." * 130 + "com",
        None,
        7,
        ["ada@example.com"],
    ],
)
def test_an_invalid_address_is_422(service: Service, email: Any) -> None:
    answer = service.http.post("/register/", json={"email": email, "password": PASSWORD})
    assert_problem(answer, 422, "invalid-request")
    assert {where for where, _ in field_errors(answer)} == {"/email"}


@pytest.mark.parametrize(
    ("password", "status"),
    [
        ("x" * 7, 422),
        ("tea&rain", 201),
        ("x" * 128, 201),
        ("x" * 129, 422),
        ("é" * 8, 201),
        ("\U0001f511" * 128, 201),
        ("        ", 201),
        ("\0" * 8, 422),
        (12345678, 422),
        (None, 422),
    ],
    ids=lambda value: str(value)[:9],
)
def test_a_password_has_8_to_128_characters(service: Service, password: Any, status: int) -> None:
    email = an_email()
    answer = service.http.post("/register/", json={"email": email, "password": password})
    assert answer.status_code == status
    if status == 422:
        assert {where for where, _ in field_errors(answer)} == {"/password"}
    else:
        form = {"username": email, "password": password}
        assert service.http.post("/token/", data=form).status_code == 200


def test_every_invalid_field_of_a_registration_is_named(service: Service) -> None:
    answer = service.http.post(
        "/register/", json={"email": "ada", "password": "x", "role": "staff"}
    )
    assert {where for where, _ in field_errors(answer)} == {"/email", "/password", "/role"}
    answer = service.http.post("/register/", json={})
    assert field_errors(answer) == {("/email", "missing"), ("/password", "missing")}


# --- POST /token/


def test_a_login_returns_a_bearer_token(service: Service, ada: User) -> None:
    form = {"username": ada.email, "password": PASSWORD}
    answer = service.http.post("/token/", data=form)
    assert answer.status_code == 200
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", TOKEN_TTL_SECONDS)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert service.http.get("/me/", headers=headers).json()["id"] == ada.id


@pytest.mark.parametrize(
    "more",
    [
        {"grant_type": "password"},
        {"scope": "", "grant_type": ""},
        {"scope": "orders"},
        {"client_id": "swagger", "client_secret": ""},
        {"grant_type": "password", "scope": "", "nonsense": "yes"},
        {f"f{number}": "x" for number in range(900)},
    ],
    ids=lambda more: ", ".join(more)[:40],
)
def test_a_form_may_have_more_parameters(service: Service, ada: User, more: dict[str, str]) -> None:
    form = {"username": ada.email, "password": PASSWORD} | more
    assert service.http.post("/token/", data=form).status_code == 200


@pytest.mark.parametrize("basic", ["Basic Og==", "Basic " + base64.b64encode(b"id:x").decode()])
def test_an_empty_basic_header_is_ignored(service: Service, ada: User, basic: str) -> None:
    form = {"username": ada.email, "password": PASSWORD}
    answer = service.http.post("/token/", data=form, headers={"Authorization": basic})
    assert answer.status_code == 200


def test_a_login_ignores_the_case_of_the_address(service: Service, ada: User) -> None:
    form = {"username": ada.email.upper(), "password": PASSWORD}
    assert service.http.post("/token/", data=form).status_code == 200


@pytest.mark.parametrize("form", [{"password": "wrong horse"}, {"username": "nobody@example.com"}])
def test_a_wrong_password_and_an_unknown_account_return_the_same_problem(
    service: Service, ada: User, form: dict[str, str]
) -> None:
    full = {"username": ada.email, "password": PASSWORD} | form
    answer = service.http.post("/token/", data=full)
    problem = assert_problem(answer, 401, "invalid-credentials")
    assert problem["error"] == "invalid_grant"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem["detail"] == "The e-mail address or password is wrong."


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({}, ["password", "username"]),
        ({"username": "ada@example.com"}, ["password"]),
        ({"password": PASSWORD}, ["username"]),
        ({"username": "", "password": ""}, ["password", "username"]),
        ({"username": "a\0", "password": "x\0"}, ["password", "username"]),
        ({"username": "a", "password": "x" * 129}, ["password"]),
        ({"grant_type": "magic", "username": "a", "password": "x"}, ["grant_type"]),
        ({"grant_type": "authorization_code"}, ["grant_type", "password", "username"]),
    ],
    ids=str,
)
def test_invalid_parameters_of_a_login_are_422(
    service: Service, form: dict[str, str], wrong: list[str]
) -> None:
    content = "&".join(f"{name}={value}".replace("\0", "%00") for name, value in form.items())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.http.post("/token/", content=content, headers=headers)
    problem = assert_problem(answer, 422, "invalid-request")
    assert problem["error"] == "invalid_request"
    assert sorted(error["parameter"] for error in problem["errors"]) == wrong
    missing = [error["parameter"] for error in problem["errors"] if error["code"] == "missing"]
    assert sorted(missing) == [name for name in ("password", "username") if not form.get(name)]


@pytest.mark.parametrize(
    "forms", [("pa\u0301ssw\u00f6rd", "p\u00e1ssw\u00f6rd"), ("\u00a0" * 8, " " * 8)]
)
@pytest.mark.parametrize("in_order", [iter, reversed])
def test_unicode_forms_of_a_password_are_equal(
    service: Service, forms: tuple[str, str], in_order: Any
) -> None:
    first, second = in_order(forms)
    email = an_email()
    answer = service.http.post("/register/", json={"email": email, "password": first})
    assert answer.status_code == 201
    for each in (first, second):
        form = {"username": email, "password": each}
        assert service.http.post("/token/", data=form).status_code == 200


@pytest.mark.parametrize("around", [" {} ", "\t{}", "{}\r\n", "\u00a0{}"])
def test_white_space_around_a_user_name_is_ignored(
    service: Service, ada: User, around: str
) -> None:
    form = {"username": around.format(ada.email), "password": PASSWORD}
    assert service.http.post("/token/", data=form).status_code == 200


def test_an_unescaped_plus_is_named_and_not_counted_as_a_failed_login(
    limited_service: Service,
) -> None:
    email = "ada+tea@example.com"
    form = f"username={email}&password=correct+horse+battery"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": "192.0.2.77",
    }
    registration = {"email": email, "password": PASSWORD}
    limited_service.http.post(
        "/register/", json=registration, headers={"X-Forwarded-For": "192.0.2.77"}
    )
    for _ in range(5):
        answer = limited_service.http.post("/token/", content=form, headers=headers)
        problem = assert_problem(answer, 422, "invalid-request")
        assert "%2B" in problem["detail"]
        assert field_errors(answer) == {("username", "space-in-username")}
    answer = limited_service.http.post(
        "/token/", content=form.replace("+t", "%2Bt"), headers=headers
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["username", "password", "grant_type", "scope", "client_id"])
def test_a_repeated_parameter_of_a_form_is_400(service: Service, name: str) -> None:
    form = [("username", "a"), ("password", "b"), ("grant_type", "password"), ("scope", "x")]
    form += [("client_id", "y"), (name, "c")]
    content = "&".join(f"{key}={value}" for key, value in form)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.http.post("/token/", content=content, headers=headers)
    problem = assert_problem(answer, 400, "repeated-parameter")
    assert problem["error"] == "invalid_request"
    assert field_errors(answer) == {(name, "repeated-parameter")}


@pytest.mark.parametrize("more", ["&x=1&x=2", "&resource=a&resource=b", "&scope=&scope=a"])
def test_a_form_may_repeat_ignored_parameters(service: Service, ada: User, more: str) -> None:
    content = f"username={ada.email}&password={PASSWORD.replace(' ', '+')}{more}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.http.post("/token/", content=content, headers=headers).status_code == 200


# --- GET /me/, and authentication


def test_me_returns_the_account(ada: User) -> None:
    account = ada.get("/me/").json()
    assert account.keys() == {"id", "email", "role", "created_at"}
    assert (account["id"], account["email"], account["role"]) == (ada.id, ada.email, "user")


def test_me_returns_the_role_of_staff(staff: User) -> None:
    assert staff.get("/me/").json()["role"] == "staff"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me/"),
        ("GET", "/orders/"),
        ("POST", "/orders/"),
        ("GET", "/orders/x/"),
        ("PATCH", "/orders/x/"),
        ("GET", "/orders/x/history/"),
        ("GET", "/orders/user/x/"),
    ],
)
def test_a_request_without_a_token_is_401(service: Service, method: str, path: str) -> None:
    answer = service.http.request(method, path)
    assert_problem(answer, 401, "token-missing")
    assert answer.headers["www-authenticate"] == "Bearer"


INVALID = 'Bearer error="invalid_token", error_description="The access token is not valid"'
EXPIRED = 'Bearer error="invalid_token", error_description="The access token has expired"'


def changed(service: Service, user: User, header: dict[str, Any], **claims: Any) -> str:
    """Change claims of the user's token, and sign it with the service's key."""
    key = (service.data_dir / "jwt-secret-key").read_text()
    payload = jwt.decode(user.token, options={"verify_signature": False}) | claims
    head = jwt.get_unverified_header(user.token) | header
    return jwt.encode(payload, key, algorithm="HS256", headers=head)


def test_a_token_signed_with_the_services_key_is_valid(service: Service, ada: User) -> None:
    assert User(service, "", "", changed(service, ada, {}, jti=str(uuid4()))).get("/me").is_success


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"exp": "tomorrow"}),
        ({}, {"exp": 1e300}),
        ({}, {"exp": None}),
        ({}, {"sub": "01890a5d-ac96-774b-bcce-b302099a8057"}),
        ({}, {"sub": "nobody"}),
        ({}, {"sub": None}),
        ({}, {"aud": "others"}),
        ({}, {"iss": "others"}),
        ({}, {"nbf": 7_258_118_400}),
        ({"typ": "JWT"}, {}),
        ({"typ": "rt+jwt"}, {}),
        ({"kid": "another"}, {}),
    ],
    ids=str,
)
def test_a_token_of_another_type_or_content_is_invalid(
    service: Service, ada: User, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    token = changed(service, ada, header, **claims)
    answer = service.http.get("/me/", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "token-invalid")
    assert answer.headers["www-authenticate"] == INVALID


@pytest.mark.parametrize("seconds_ago", [0.01, 1_000_000_000])
def test_an_expired_token_has_its_own_code(service: Service, ada: User, seconds_ago: float) -> None:
    token = changed(service, ada, {}, exp=time.time() - seconds_ago)
    answer = service.http.get("/me/", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "token-expired")
    assert answer.headers["www-authenticate"] == EXPIRED


def test_the_times_of_a_token_are_whole_seconds(ada: User) -> None:
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    assert isinstance(claims["iat"], int)
    assert isinstance(claims["exp"], int)
    assert claims["exp"] - claims["iat"] == TOKEN_TTL_SECONDS


def forgeries(token: str) -> list[str]:
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    nobody = base64.urlsafe_b64encode(json.dumps(claims | {"sub": str(uuid4())}).encode())
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    return [
        f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{nobody.decode().rstrip('=')}.{signature}",
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        jwt.encode(claims, "x" * 32, headers=jwt.get_unverified_header(token)),
        f"{token}=",
        f"{token}x",
        "..",
        "x.y.z",
        "x" * 20_000,
        "\u00e9",
    ]


@pytest.mark.parametrize("number", range(13))
def test_a_forged_token_is_401(service: Service, ada: User, number: int) -> None:
    headers = {b"Authorization": f"Bearer {forgeries(ada.token)[number]}".encode()}
    answer = service.http.get("/me/", headers=headers)
    assert_problem(answer, 401, "token-invalid")
    assert answer.headers["www-authenticate"] == INVALID


@pytest.mark.parametrize("header", ["", "Bearer", "Basic {}", "Token {}", "{}", "Bearer{}"])
def test_a_header_without_a_bearer_token_is_a_missing_token(
    service: Service, ada: User, header: str
) -> None:
    answer = service.http.get("/me/", headers={"Authorization": header.format(ada.token)})
    problem = assert_problem(answer, 401, "token-missing")
    assert problem["detail"] == "The Authorization header does not contain a bearer token."
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {}"])
def test_the_scheme_is_case_insensitive(service: Service, ada: User, header: str) -> None:
    answer = service.http.get("/me/", headers={"Authorization": header.format(ada.token)})
    assert answer.status_code == 200


def test_a_disabled_account_loses_access_and_cannot_log_in(service: Service) -> None:
    user = service.register()
    assert service.run("users", "disable", user.email).returncode == 0
    eventually(lambda: user.get("/me/").status_code == 401)
    assert_problem(user.get("/me/"), 401, "token-invalid")
    form = {"username": user.email, "password": PASSWORD}
    answer = service.http.post("/token/", data=form)
    assert_problem(answer, 401, "invalid-credentials")


def test_a_granted_role_takes_effect_while_the_service_runs(service: Service) -> None:
    user = service.register()
    assert service.run("users", "grant-role", user.email, "--role", "staff").returncode == 0
    eventually(lambda: user.get("/me/").json()["role"] == "staff")


# --- operator commands


def test_operator_commands_accept_any_form_of_an_address(service: Service) -> None:
    local = f"ada.{secrets.token_hex(6)}"
    stored = f"{local}@b\u00fccher.example"
    create = ["create", f"{local}@XN--BCHER-KVA.example", "--password-stdin"]
    done = service.run("users", *create, stdin=f"{PASSWORD}\n")
    assert (done.returncode, stored in done.stdout) == (0, True), done.stderr
    for spelling in (stored.upper(), f"{local}@xn--bcher-kva.example"):
        done = service.run("users", "grant-role", spelling, "--role", "staff")
        assert (done.returncode, stored in done.stdout) == (0, True), done.stderr
    assert service.log_in(stored).get("/me/").json()["role"] == "staff"


@pytest.mark.parametrize(
    ("command", "stdin", "sentence"),
    [
        (["create", "ada", "--password-stdin"], "x" * 8, "e-mail"),
        (["create", "a@example.com", "--password-stdin"], "short", "8 to 128"),
        (["disable", "nobody@example.com"], "", "no account"),
        (["grant-role", "nobody@example.com", "--role", "staff"], "", "no account"),
    ],
)
def test_a_failed_operator_command_prints_one_sentence(
    service: Service, command: list[str], stdin: str, sentence: str
) -> None:
    done = service.run("users", *command, stdin=stdin)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
