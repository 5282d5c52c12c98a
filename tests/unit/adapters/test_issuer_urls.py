import pytest

from adapters.security.issuer_urls import check_url, is_secure


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.com",
        "https://login.example.com/",
        "https://login.example.com:8443/realms/shop",
        "http://localhost:8080/realms/shop",
        "http://127.0.0.1:9",
        "http://[::1]:9/a",
    ],
)
def test_a_safe_address_is_accepted(url: str) -> None:
    check_url(url)
    assert is_secure(url) == url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.example.com",
        "http://login.example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "ftp://localhost",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@login.example.com",
        "https://login.example.com?a",
        "https://login.example.com/#a",
        "https://login.example.com/a b",
        "https://login.example.com:port",
        "https://login.example.com\n",
        "https://login.\u00e9xample.com",
        "https://[::1",
        f"https://login.example.com/{'a' * 500}",
    ],
)
def test_an_unsafe_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https URL"):
        check_url(url)
