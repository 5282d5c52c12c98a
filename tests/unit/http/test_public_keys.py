from pathlib import Path

import jwt

from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app
from tests.support.key_files import key_files

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
FORM = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
PATH = "/.well-known/jwks.json"


async def test_without_a_signing_key_the_set_is_empty() -> None:
    async with running_app("", MemoryStorageProvider()) as app:
        answer = await app.client.get(PATH)
    assert (answer.status_code, answer.json()) == (200, {"keys": []})
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["content-type"] == "application/json"


async def test_a_token_is_verified_with_the_published_key(tmp_path: Path) -> None:
    private, _ = key_files(tmp_path, "new")
    _, public = key_files(tmp_path, "old")
    settings = {"JWT_SIGNING_KEY_FILE": private, "JWT_PREVIOUS_PUBLIC_KEY_FILES": public}
    async with running_app("", MemoryStorageProvider(), **settings) as app:
        jwks = (await app.client.get(PATH)).json()
        await app.client.post("/register/", json=ACCOUNT)
        token = (await app.client.post("/token/", data=FORM)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        me = (await app.client.get("/me/", headers=headers)).json()
    assert len(jwks["keys"]) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in jwks["keys"])
    key = jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]]
    payload = jwt.decode(token, key, ["EdDSA"], audience="order-management-service")
    assert payload["sub"] == me["id"]


async def test_the_path_works_with_a_slash_and_with_head() -> None:
    async with running_app("", MemoryStorageProvider()) as app:
        answers = [
            await app.client.request(method, path)
            for method in ("GET", "HEAD")
            for path in (PATH, f"{PATH}/")
        ]
    assert {answer.status_code for answer in answers} == {200}
    assert [bool(answer.content) for answer in answers] == [True, True, False, False]
