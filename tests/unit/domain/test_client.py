from uuid import UUID

import pytest

from domain.client import parse_client_id, parse_client_name
from domain.errors import Invalid
from domain.scope import Scope, known_scopes, parse_scopes

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.mark.parametrize("name", ["a", "7", "payments", "Payments_EU-1.prod", "x" * 64])
def test_a_name_is_one_word(name: str) -> None:
    assert parse_client_name(name) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "wrong-length"),
        ("x" * 65, "wrong-length"),
        ("pay ments", "bad-name"),
        ("-payments", "bad-name"),
        ("payments\n", "bad-name"),
        ("z\u00e4hler", "bad-name"),
        (str(ID), "bad-name"),
        (ID.hex, "bad-name"),
    ],
)
def test_another_name_is_invalid(name: str, code: str) -> None:
    with pytest.raises(Invalid) as invalid:
        parse_client_name(name)
    assert [error.code for error in invalid.value.errors] == [code]


def test_an_id_is_a_uuid_in_any_spelling() -> None:
    assert parse_client_id(str(ID)) == parse_client_id(str(ID).upper()) == ID
    assert parse_client_id("payments") is None


def test_scopes_are_parsed_by_their_names() -> None:
    assert parse_scopes(["orders:read"]) == {Scope.ORDERS_READ}
    assert parse_scopes(["orders:status", "orders:read", "orders:read"]) == set(Scope)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "Must be given. Known scopes: orders:read, orders:status."),
        (
            ["orders:read", "orders:write"],
            "There is no scope 'orders:write'. Known scopes: orders:read, orders:status.",
        ),
    ],
)
def test_missing_and_unknown_scopes_are_invalid(names: list[str], message: str) -> None:
    with pytest.raises(Invalid) as invalid:
        parse_scopes(names)
    assert [error.detail for error in invalid.value.errors] == [message]


def test_scopes_of_another_release_are_ignored() -> None:
    assert known_scopes(["orders:refund", "orders:read", ""]) == {Scope.ORDERS_READ}
