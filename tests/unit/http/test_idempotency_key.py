import re
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.composition.providers.memory import MemoryStorageProvider
from entrypoints.http.errors import BadIdempotencyKey
from entrypoints.http.messages.idempotency_key import parse_key
from entrypoints.http.openapi.parameters import PARAMETERS
from tests.support.app import running_app


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("k", "k"),
        ('"k"', "k"),
        ("  k\t", "k"),
        ("k" * 255, "k" * 255),
        (f'"{"k" * 255}"', "k" * 255),
        (r'"a\"b\\c"', r'a"b\c'),
        (r"a\b", r"a\b"),
        ('a"b', 'a"b'),
        ("a,b;c=1", "a,b;c=1"),
    ],
)
def test_a_key_is_the_same_with_and_without_quotes(header: str, key: str) -> None:
    assert parse_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '"',
        '""',
        "k" * 256,
        f'"{"k" * 256}"',
        "a b",
        '"a b"',
        '"k',
        '"a"b"',
        r'"a\b"',
        '"k";x=1',
        "schl\xfcssel",
        "a\x7f",
        "a\x00",
    ],
)
def test_an_ill_formed_key_is_refused(header: str) -> None:
    with pytest.raises(BadIdempotencyKey):
        parse_key(header)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_key_can_be_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_key(f'"{escaped}"') == key


async def test_a_key_can_be_required() -> None:
    async with running_app("", MemoryStorageProvider(), IDEMPOTENCY="required") as app:
        account = {"email": "ada@example.com", "password": "correct horse battery"}
        await app.client.post("/register/", json=account)
        form = {"username": account["email"], "password": account["password"]}
        token = (await app.client.post("/token/", data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        order = {"items": [{"name": "tea"}], "total_price": 1}
        without = await app.client.post("/orders/", json=order, headers=headers)
        with_key = await app.client.post(
            "/orders/", json=order, headers={**headers, "Idempotency-Key": "key"}
        )
    assert (without.status_code, without.json()["code"]) == (400, "idempotency-key-missing")
    assert with_key.status_code == 201


@given(st.text(st.characters(min_codepoint=0x1F, max_codepoint=0x80), max_size=260))
def test_the_documented_pattern_accepts_the_same_keys(header: str) -> None:
    pattern = PARAMETERS["IdempotencyKey"]["schema"]["pattern"]
    for text in (header, f'"{header}"', header.replace(" ", '\\"')):
        is_documented = re.fullmatch(pattern, text) is not None
        if text == text.strip(" \t"):  # spaces around a header's value are not part of it
            with nullcontext() if is_documented else pytest.raises(BadIdempotencyKey):
                parse_key(text)
