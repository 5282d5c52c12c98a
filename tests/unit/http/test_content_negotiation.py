"""Content negotiation (RFC 9110, section 12)."""

import pytest

from entrypoints.http.messages.content_negotiation import accepts_gzip, preferred_type

JSON, HTML = "application/json", "text/html"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        (BROWSER, HTML),
        ("text/html", HTML),
        ("text/*", HTML),
        ("TEXT/HTML; Q=0.5", HTML),
        ("application/json, text/html", JSON),
        ("application/json;q=0.5, text/html;q=0.9", HTML),
        ("text/html;q=0, */*", JSON),
        ("text/html;level=1;q=0.2, application/json;q=0.1", HTML),
        ("image/png", JSON),
        ("nonsense;;;q=x,,", JSON),
        ("application/problem+json", JSON),
    ],
)
def test_the_preferred_type_has_the_highest_weight(accept: str | None, preferred: str) -> None:
    assert preferred_type(accept, (JSON, HTML)) == preferred


@pytest.mark.parametrize(
    ("accept", "is_accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity, br", False),
    ],
)
def test_gzip_is_sent_to_clients_that_accept_it(accept: str | None, *, is_accepted: bool) -> None:
    assert accepts_gzip(accept) is is_accepted
