"""Headers that span several lines (RFC 9110, section 5.3)."""

import pytest

from entrypoints.http.errors import RepeatedHeader
from entrypoints.http.messages.conditional_requests import IfMatch
from entrypoints.http.messages.request import given_once, joined, single

SCOPE = {
    "headers": [
        (b"if-match", b'"v1"'),
        (b"content-type", b"application/json"),
        (b"if-match", b'"v2", "v3"'),
        (b"content-type", b"text/plain"),
        (b"accept", b"*/*"),
    ]
}


def test_the_lines_of_a_list_header_are_joined() -> None:
    assert joined(SCOPE, b"if-match") == '"v1", "v2", "v3"'
    assert joined(SCOPE, b"if-none-match") is None
    assert IfMatch.parse(joined(SCOPE, b"if-match")).versions == frozenset({1, 2, 3})


def test_a_header_that_is_not_a_list_may_have_one_line() -> None:
    assert single(SCOPE, b"accept") == "*/*"
    assert single(SCOPE, b"authorization") is None
    with pytest.raises(RepeatedHeader, match="Content-Type must not be repeated"):
        single(SCOPE, b"content-type")


def test_a_repeated_optional_header_is_ignored() -> None:
    assert given_once(SCOPE) == {b"accept": b"*/*"}
    assert given_once({"headers": SCOPE["headers"][1:3]}) == dict(SCOPE["headers"][1:3])
