"""PostgreSQL URLs. Each libpq parameter is either supported or rejected with its name."""

import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest

from adapters.postgres.targets import Target, targets_of

URL = "postgresql://ada:hush@db:5433/orders"


@pytest.fixture(autouse=True)
def _no_files_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def target_of(url: str) -> Target:
    [target] = targets_of(url)
    return target


def arguments_of(parameters: str, url: str = URL) -> dict[str, Any]:
    return dict(target_of(f"{url}?{parameters}").arguments)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_url_has_a_login_and_a_database(scheme: str) -> None:
    found = target_of(f"{scheme}://ada:hush@db:5433/orders").arguments
    names = ("host", "port", "user", "password", "database", "ssl")
    assert [found[name] for name in names] == ["db", 5433, "ada", "hush", "orders", "prefer"]


@pytest.mark.parametrize(
    "password",
    [
        "a#b",
        "a[b",
        "a]b",
        "a@b",
        "a/b",
        "a?b",
        "100%",
        "%zz",
        "p@h/d#[?%w",
        "a:b",
        "@",
        "é#€",
        "a?b=c",
    ],
)
def test_password_may_have_unencoded_separators(password: str) -> None:
    found = target_of(f"postgresql://ada:{password}@db:5433/orders?application_name=a@b").arguments
    assert found["password"] == password
    assert (found["host"], found["port"], found["database"]) == ("db", 5433, "orders")
    assert found["server_settings"] == {"application_name": "a@b"}


def test_password_may_be_percent_encoded() -> None:
    assert target_of("postgresql://a:%40%2f%25@db/x").arguments["password"] == "@/%"


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("one:5431,two:5432", [("one", 5431), ("two", 5432)]),
        ("one,two:5433", [("one", 5432), ("two", 5433)]),
        ("[::1]:5433", [("::1", 5433)]),
        ("[::1],[fe80::1%25eth0]:2", [("::1", 5432), ("fe80::1%eth0", 2)]),
        ("%2Fvar%2Frun", [("/var/run", 5432)]),
    ],
)
def test_each_host_is_a_target(hosts: str, expected: list[tuple[str, int]]) -> None:
    found = [each.arguments for each in targets_of(f"postgresql://ada@{hosts}/orders")]
    assert [(each["host"], each["port"]) for each in found] == expected


def test_hosts_may_be_parameters() -> None:
    url = "postgresql:///orders?host=one,two&port=1,2&user=ada&password=hush"
    found = [target.arguments for target in targets_of(url)]
    assert [(each["host"], each["port"]) for each in found] == [("one", 1), ("two", 2)]
    assert {each["user"] for each in found} == {"ada"}


def test_unix_socket_has_no_tls() -> None:
    url = "postgresql://ada@/orders?host=/var/run/postgresql&sslmode=verify-full"
    target = target_of(url)
    assert (target.arguments["host"], target.arguments["ssl"]) == ("/var/run/postgresql", False)
    assert target.address is None


@pytest.mark.parametrize(
    "parameter",
    [
        "require_auth=scram-sha-256,md5,none,password",
        "require_auth=!gss,!sspi",
        "channel_binding=prefer",
        "gssencmode=prefer",
        "gssdelegation=0",
        "gsslib=gssapi",
        "krbsrvname=postgres",
        "sslsni=1",
        "sslcertmode=allow",
        "sslcompression=0",
        "sslnegotiation=postgres",
        "client_encoding=UTF8",
        "replication=false",
        "max_protocol_version=latest",
        "target_session_attrs=read-write",
        "load_balance_hosts=random",
        "statement_cache_size=0",
        "connect_timeout=10&keepalives=1&keepalives_idle=30&keepalives_interval=5",
    ],
)
def test_parameter_that_the_driver_fulfils_is_accepted(parameter: str) -> None:
    assert target_of(f"{URL}?{parameter}").address == ("db", 5433)


@pytest.mark.parametrize(
    ("parameter", "names"),
    [
        ("pgbouncer=true", ["pgbouncer"]),
        ("schema=public&connection_limit=1&pool_timeout=3", ["schema", "connection_limit"]),
        ("sslmode=verify_full", ["sslmode"]),
        ("sslmode=REQUIRE&channel_binding=require", ["sslmode", "channel_binding"]),
        ("ssl=yes", ["ssl"]),
        ("require_auth=scram-sha-256", ["require_auth"]),
        ("require_auth=!password", ["require_auth"]),
        ("requirepeer=postgres", ["requirepeer"]),
        ("sslsni=0", ["sslsni"]),
        ("sslcertmode=require", ["sslcertmode"]),
        ("gssencmode=require", ["gssencmode"]),
        ("oauth_issuer=https://issuer", ["oauth_issuer"]),
        ("service=shop", ["service"]),
        ("target_session_attrs=standby", ["target_session_attrs"]),
        ("client_encoding=LATIN1", ["client_encoding"]),
        ("keepalives_idle=soon", ["keepalives_idle"]),
        ("connect_timeout=2s", ["connect_timeout"]),
        ("port=70000", ["port"]),
        ("port=1,2", ["port"]),
        ("hostaddr=127.0.0.1,127.0.0.2", ["hostaddr"]),
        ("hostaddr=127.0.0.1&sslrootcert=system", ["hostaddr", "verify-full"]),
        ("sslmode=require&sslrootcert=system", ["sslrootcert", "verify-full"]),
        ("sslnegotiation=direct", ["sslnegotiation", "sslmode"]),
        ("sslmode=verify-full", ["sslrootcert"]),
        ("sslrootcert=/nowhere/ca.pem", ["sslrootcert", "/nowhere/ca.pem"]),
        ("sslmode=verify-ca&sslrootcert=/dev/null", ["sslrootcert", "/dev/null"]),
        ("sslcert=/nowhere/my.crt", ["sslcert"]),
        ("sslcrl=/nowhere/my.crl", ["sslcrl"]),
        ("passfile=/nowhere/pgpass", ["passfile"]),
        ("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", ["ssl_max_protoc"]),
        ("ssl_min_protocol_version=SSLv3", ["ssl_min_protocol_version"]),
    ],
)
def test_parameter_without_effect_is_refused_by_name(parameter: str, names: list[str]) -> None:
    with pytest.raises(ValueError, match=names[0]) as refusal:
        targets_of(f"{URL}?{parameter}")
    assert all(name in str(refusal.value) for name in names)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("parameter", ["ssl=require", "ssl=true", "sslmode=require"])
def test_required_tls_is_not_verified_without_authorities(parameter: str) -> None:
    context = arguments_of(parameter)["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    ("parameter", "checks_name"),
    [
        ("sslrootcert=system", True),
        (f"sslmode=verify-full&sslrootcert={certifi.where()}", True),
        (f"sslmode=verify-ca&sslrootcert={certifi.where()}", False),
        (f"sslmode=require&sslrootcert={certifi.where()}", False),  # like in libpq
    ],
)
def test_authorities_are_verified(parameter: str, checks_name: bool) -> None:  # noqa: FBT001
    context = arguments_of(parameter)["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, checks_name)


def test_parameters_reach_the_session_and_the_socket() -> None:
    target = target_of(
        f"{URL}?options=-csearch_path%3Dshop&fallback_application_name=x&application_name=shop"
        "&connect_timeout=1&keepalives_idle=30&tcp_user_timeout=0&hostaddr=10.0.0.1"
    )
    settings = {"options": "-csearch_path=shop", "application_name": "shop"}
    assert target.arguments["server_settings"] == settings
    assert target.connect_seconds == 1
    assert target.socket_options == {"keepalives_idle": 30, "tcp_user_timeout": 0}
    assert target.address == ("10.0.0.1", 5433)


def test_environment_variables_replace_missing_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGUSER", "eve")
    assert arguments_of("")["ssl"] is False
    assert arguments_of("sslmode=allow")["ssl"] == "allow"
    assert target_of("postgresql://db/orders").arguments["user"] == "eve"
    monkeypatch.setenv("PGSSLMODE", "sometimes")
    with pytest.raises(ValueError, match="PGSSLMODE"):
        targets_of(URL)


@pytest.mark.parametrize(
    ("parameters", "places"),
    [
        ("host=one:1&host=two:2", [("one", 1), ("two", 2)]),
        ("host=one:1,two", [("one", 1), ("two", 5432)]),
        ("host=::1", [("::1", 5432)]),
        ("host=[::1]:6000", [("::1", 6000)]),
        ("host=/cloudsql/shop:west:orders", [("/cloudsql/shop:west:orders", 5432)]),
    ],
)
def test_hosts_in_the_query_may_have_ports(parameters: str, places: list[tuple[str, int]]) -> None:
    found = targets_of(f"postgresql:///orders?{parameters}")
    assert [(each.arguments["host"], each.arguments["port"]) for each in found] == places


@pytest.mark.parametrize("name", ["user", "sslrootcert", "sslmode", "ssl", "host", "port"])
def test_empty_parameter_counts_as_absent(name: str) -> None:
    assert arguments_of(f"{name}=") == arguments_of("application_name=")


@pytest.mark.parametrize("name", ["application-name", "x.y", "a2", "pool_timeout"])
def test_unknown_parameter_with_any_characters_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is no parameter of PostgreSQL"):
        targets_of(f"{URL}?{name}=1")
