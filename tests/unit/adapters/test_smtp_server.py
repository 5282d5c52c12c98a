import pytest

from adapters.smtp.server import SmtpServer, parse_server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://relay", SmtpServer("relay", 25, None, None, is_tls=False, starttls=None)),
        ("smtp://relay:2525/", SmtpServer("relay", 2525, None, None, is_tls=False, starttls=None)),
        ("smtps://relay", SmtpServer("relay", 465, None, None, is_tls=True, starttls=False)),
        (
            "smtp://me:p%40ss%2F@relay:587",
            SmtpServer("relay", 587, "me", "p@ss/", is_tls=False, starttls=True),
        ),
        (
            "smtp://me:pass@relay?starttls=off",
            SmtpServer("relay", 25, "me", "pass", is_tls=False, starttls=False),
        ),
        (
            "smtp://relay?starttls=required",
            SmtpServer("relay", 25, None, None, is_tls=False, starttls=True),
        ),
    ],
)
def test_a_url_is_parsed(url: str, server: SmtpServer) -> None:
    assert parse_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "relay:25",
        "http://me:secret@relay",
        "smtp://",
        "smtp://me:secret@relay/path",
        "smtp://me:secret@relay:port",
        "smtp://me:secret@relay:99999",
        "smtp://me:secret@relay?starttls=maybe",
        "smtp://me:secret@relay?tls=1",
        "smtp://me:secret@[relay",
    ],
)
def test_an_invalid_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) ") as refusal:
        parse_server(url)
    assert "secret" not in str(refusal.value)


def test_a_server_is_shown_without_its_password() -> None:
    assert "secret" not in repr(parse_server("smtp://me:secret@relay"))
