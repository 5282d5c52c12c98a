"""Redis URLs. Each parameter either has an effect or is rejected with its name."""

import pytest

from libraries.redis_client.connection import ConnectionFactory
from libraries.redis_client.urls import check_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache",
        "redis://cache:6380/",
        "redis://ada:hush@cache/3",
        "redis://:hu%23sh@[::1]:6380/0?client_name=shop",
        "redis://cache?db=2&username=ada&password=hush",
        "rediss://cache?ssl_cert_reqs=none&ssl_check_hostname=false",
        "rediss://cache?ssl_min_version=771&ssl_ciphers=HIGH",
    ],
)
def test_redis_py_accepts_every_accepted_url(url: str) -> None:
    check_url(url)
    ConnectionFactory(url, 1.0)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://cache", "redis://"),
        ("unix:///run/redis.sock", "redis://"),
        ("redis://", "redis://"),
        ("redis://:6379", "host"),
        ("redis://a:x", "redis://"),
        ("redis://a,b", "one host"),
        ("redis://:hu#sh@cache", "encode"),
        ("redis://cache/0#x", "encode"),
        ("redis://cache/shop", "number"),
        ("redis://cache?db=first", "db"),
        ("redis://cache?ssl_cert_reqs=none", "rediss://"),
        ("rediss://cache?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs"),
        ("rediss://cache?ssl_ca_certs=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("rediss://cache?ssl_ca_certs=/dev/null", "ssl_ca_certs"),
        ("rediss://cache?ssl_certfile=/nowhere/my.crt", "ssl_certfile"),
        ("rediss://cache?ssl_ciphers=MAGIC", "ssl_ciphers"),
        ("redis://cache?pool_size=5", "pool_size"),
        ("redis://cache?socket_timeout=5", "socket_timeout"),
        ("redis://cache?decode_responses=true", "decode_responses"),
    ],
)
def test_a_parameter_without_effect_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as refusal:
        check_url(url)
    assert "hush" not in str(refusal.value)
