import pytest

from entrypoints.composition.providers.memory import MemoryStorageProvider
from tests.support.app import running_app

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
FORM = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}


@pytest.mark.parametrize(
    "form", [FORM, {**FORM, "grant_type": "password"}], ids=["default", "named"]
)
async def test_the_password_grant_can_be_closed(form: dict[str, str]) -> None:
    async with running_app("", MemoryStorageProvider(), PASSWORD_GRANT="off") as app:
        assert (await app.client.post("/register/", json=ACCOUNT)).status_code == 201
        answer = await app.client.post("/token/", data=form)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid-request")
    assert problem["error"] == "unsupported_grant_type"
    assert [error["code"] for error in problem["errors"]] == ["closed-grant-type"]


async def test_the_password_grant_is_open_by_default() -> None:
    async with running_app("", MemoryStorageProvider()) as app:
        await app.client.post("/register/", json=ACCOUNT)
        answer = await app.client.post("/token/", data=FORM)
    assert answer.status_code == 200
