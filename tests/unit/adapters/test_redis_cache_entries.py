"""The stored form of cached orders. Two releases share it during a rolling upgrade."""

import pytest

from adapters.redis.cache import _document, _entry_of
from application.documents import OrderDocument
from domain.ids import UserId
from tests.support.orders import a_user_id

OWNER = UserId(a_user_id())
GENERATION = b"7f3a9c5d1e60 run-id"


@pytest.mark.parametrize(("tag", "is_processed"), [(b'"v3"', False), (b'"v3p"', True)])
def test_an_entry_has_the_form_of_release_1_0(tag: bytes, *, is_processed: bool) -> None:
    document = OrderDocument(OWNER, 3, 4, is_processed, b'{"status": "SHIPPED"}')
    entry = b'4 %s %s\n{"status": "SHIPPED"}' % (str(OWNER).encode(), tag)
    assert _entry_of(document) == entry
    assert _document(GENERATION, b"7f3a9c5d1e60 " + entry) == document


@pytest.mark.parametrize("header", [b"4 3", b"4 owner 3 p", b'4 %s "v"', b"x %s x"])
def test_an_entry_of_another_form_is_ignored(header: bytes) -> None:
    named = header.replace(b"%s", str(OWNER).encode())
    assert _document(GENERATION, b"7f3a9c5d1e60 " + named + b"\n{}") is None
