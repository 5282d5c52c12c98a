import pytest

from adapters.security.refresh_tokens import RandomRefreshTokens

TOKENS = RandomRefreshTokens(86_400)


def test_tokens_of_a_session_share_their_handle_only() -> None:
    first = TOKENS.new()
    second = TOKENS.successor(first)
    assert first.handle_hash == second.handle_hash
    assert first.token_hash != second.token_hash
    assert TOKENS.new().handle_hash != first.handle_hash


def test_a_token_is_read_back() -> None:
    token = TOKENS.new()
    assert TOKENS.parse(token.text) == token
    assert len(token.text) == 64


@pytest.mark.parametrize(
    "text", ["", "a" * 63, "a" * 65, "a" * 63 + "=", "a" * 63 + "\n", "\xe9" * 64]
)
def test_another_text_is_no_token(text: str) -> None:
    assert TOKENS.parse(text) is None


def test_a_token_is_not_in_its_repr() -> None:
    token = TOKENS.new()
    assert token.text not in repr(token)
