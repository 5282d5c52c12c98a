"""All errors in the settings are reported together, by name."""

from datetime import timedelta
from pathlib import Path

import pytest

from application.ports.limits import Limit
from domain.order.policy import StatusPolicy
from entrypoints.settings import BadSettings, Settings, load_settings
from tests.support.key_files import key_files, other_kinds, private_pem, public_pem

SECRET = "a key of thirty-two bytes or more"

BAD = {
    "DATABASE_URL": [
        "mysql://a/b",
        "postgresql://a:port/b",
        "postgresql://a:1,b:port/c",
        "postgres:/a",
        "localhost",
        "postgresql://a/b?sslmode=sometimes",
        "postgresql://a/b?sslrootcert=/nowhere/ca.pem",
        "postgresql://a/b?pgbouncer=true",
    ],
    "REDIS_URL": ["http://a", "redis://", "redis://a:x", "redis://a/shop", "redis://a?ssl=true"],
    "KAFKA_BOOTSTRAP_SERVERS": ["a", "a:", ":1", "a:99999", "a:1,b"],
    "KAFKA_SECURITY_PROTOCOL": ["TLS"],
    "KAFKA_SASL_MECHANISM": ["MAGIC"],
    "KAFKA_SSL_CAFILE": ["/nowhere/ca.pem", "/dev/null"],
    "KAFKA_TOPIC_PREFIX": ["my shop", "shop/", "x" * 201],
    "JWT_SECRET_KEY": ["short"],
    "JWT_SECRET_KEY_FILE": ["/nowhere/at/all"],
    "JWT_PREVIOUS_SECRET_KEYS": [f"{SECRET},short"],
    "JWT_SIGNING_KEY_FILE": ["/nowhere/at/all", "/dev/null"],
    "JWT_PREVIOUS_PUBLIC_KEY_FILES": ["/nowhere/at/all", "/dev/null"],
    "OIDC_ISSUER": ["login.example.com", "http://login.example.com", "https://a/?b", "https://"],
    "OIDC_AUDIENCE": ["the orders", "x" * 256, "\u00e9"],
    "PORT": ["-1", "65536", "http", "\uff18\uff10"],
    "WORKERS": ["0", "many", "2"],
    "KEEP_ALIVE": ["0", "1.5", "-1"],
    "ADMIN_PORT": ["0", "x"],
    "ACCESS_TOKEN_TTL": ["0", "1.5"],
    "ARGON2_MEMORY_KIB": ["19455", "64M"],
    "ARGON2_TIME_COST": ["1", "1001"],
    "ARGON2_PARALLELISM": ["0", "65"],
    "REFRESH_TOKEN_TTL": ["0", "forever"],
    "CACHE_TTL": ["0"],
    "RATE_LIMIT_ORDERS": ["60", "0/minute", "60/fortnight", "-1/day", "many/hour", "no"],
    "STATUS_POLICY": ["anybody"],
    "PROCESSING_DELAY": ["-1", "soon", "nan"],
    "SWEEP_AFTER": ["-1"],
    "DB_POOL_SIZE": ["1"],
    "TRUSTED_PROXIES": ["10.0.0.0/99", "proxy"],
    "ROOT_PATH": ["shop", "/shop/", "//shop", "/a//b", "/a?b", "/../a", "/a b", "https://a"],
    "CORS_ORIGINS": ["shop.example.com", "https://shop.example.com/", "https://a,b"],
    "IDEMPOTENCY": ["yes"],
    "PASSWORD_GRANT": ["no"],
    "DEFAULT_CURRENCY": ["usd", "XXX"],
    "LOG_LEVEL": ["LOUD"],
    "LOG_FORMAT": ["xml"],
}


def errors_of(**environment: str) -> dict[str, str]:
    with pytest.raises(BadSettings) as refusal:
        load_settings(environment)
    return refusal.value.errors


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in BAD for text in BAD[name]])
def test_bad_value_is_named(name: str, text: str) -> None:
    settings = {"JWT_SECRET_KEY": SECRET} | {name: text}
    if name.startswith("JWT_SECRET_KEY_"):
        del settings["JWT_SECRET_KEY"]
    assert name in errors_of(**settings)


def test_all_errors_are_in_one_message() -> None:
    environment = {name: texts[0] for name, texts in BAD.items()}
    with pytest.raises(BadSettings) as refusal:
        load_settings(environment)
    assert set(refusal.value.errors) == set(BAD)
    for name in BAD:
        assert f"  {name}: " in str(refusal.value)


def test_without_settings_everything_is_embedded() -> None:
    settings = load_settings({})
    assert settings.missing_services == ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.rate_limit_orders == Limit("orders", 60, 60)
    assert settings.status_policy is StatusPolicy.OWNER
    assert settings.processing_delay == timedelta(seconds=2)
    assert settings.secret is None


def test_empty_value_counts_as_unset() -> None:
    empty = dict.fromkeys(BAD, "")
    assert load_settings(empty) == load_settings({})


def test_root_path_of_one_slash_is_no_prefix() -> None:
    assert load_settings({"ROOT_PATH": "/"}).root_path == ""
    assert load_settings({"ROOT_PATH": "/shop/v1.0"}).root_path == "/shop/v1.0"


def test_database_needs_a_secret() -> None:
    assert "JWT_SECRET_KEY" in errors_of(DATABASE_URL="postgresql://a/b")
    settings = load_settings({"DATABASE_URL": "postgres://a/b", "JWT_SECRET_KEY": SECRET})
    assert settings.secret == SECRET.encode()


def test_database_may_have_several_hosts() -> None:
    url = "postgresql://ada:hush@one:5432,two:5433/orders"
    settings = load_settings({"DATABASE_URL": url, "JWT_SECRET_KEY": SECRET})
    assert settings.database_url == url


def test_secret_comes_from_a_file_or_a_setting_but_not_both(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    assert load_settings({"JWT_SECRET_KEY_FILE": str(file)}).secret == SECRET.encode()
    both = {"JWT_SECRET_KEY_FILE": str(file), "JWT_SECRET_KEY": SECRET}
    assert "JWT_SECRET_KEY_FILE" in errors_of(**both)


def test_several_workers_need_all_three_services() -> None:
    error = errors_of(WORKERS="2", REDIS_URL="redis://a")["WORKERS"]
    assert "DATABASE_URL" in error
    assert "KAFKA_BOOTSTRAP_SERVERS" in error
    assert "REDIS_URL" not in error


def test_sasl_needs_a_login() -> None:
    protocol = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "ada"}
    assert set(errors_of(**protocol)) == {"KAFKA_SASL_PASSWORD"}
    settings = load_settings(protocol | {"KAFKA_SASL_PASSWORD": "hush"})
    assert settings.kafka_sasl_password == "hush"


def test_description_of_the_settings_has_no_address_and_no_password() -> None:
    settings: Settings = load_settings(
        {"DATABASE_URL": "postgresql://ada:hush@db/orders", "JWT_SECRET_KEY": SECRET}
    )
    assert "hush" not in str(settings.summary)
    assert settings.summary["redis"] == "in-process"


def test_an_outside_issuer_needs_an_audience_and_the_reverse() -> None:
    issuer, audience = {"OIDC_ISSUER": "https://login.example.com"}, {"OIDC_AUDIENCE": "orders"}
    assert errors_of(**issuer) == {"OIDC_AUDIENCE": "must be set if OIDC_ISSUER is set"}
    assert errors_of(**audience) == {"OIDC_ISSUER": "must be set if OIDC_AUDIENCE is set"}
    settings = load_settings(issuer | audience)
    assert (settings.oidc_issuer, settings.oidc_audience) == ("https://login.example.com", "orders")


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        ({"DATABASE_URL": "mysql://a/b"}, "JWT_SECRET_KEY"),
        ({"OIDC_ISSUER": "ftp://login.example.com"}, "OIDC_AUDIENCE"),
        ({"SMTP_URL": "http://mail"}, "SMTP_FROM"),
    ],
)
def test_a_setting_is_missing_even_if_the_one_that_needs_it_is_wrong(
    wrong: dict[str, str], missing: str
) -> None:
    assert set(errors_of(**wrong)) == {*wrong, missing}


def test_a_wrong_setting_keeps_its_own_error() -> None:
    errors = errors_of(JWT_SECRET_KEY=SECRET, JWT_SECRET_KEY_FILE="/no/such/file")
    assert errors == errors_of(JWT_SECRET_KEY_FILE="/no/such/file")


def test_keys_are_read_from_files(tmp_path: Path) -> None:
    private, public = key_files(tmp_path, "first")
    _, second = key_files(tmp_path, "second")
    settings = load_settings(
        {"JWT_SIGNING_KEY_FILE": private, "JWT_PREVIOUS_PUBLIC_KEY_FILES": f"{public}, {second}"}
    )
    assert settings.jwt_signing_key_file is not None
    first, other = settings.jwt_previous_public_key_files
    assert settings.jwt_signing_key_file.public == first != other


def test_a_key_of_another_kind_is_refused_with_a_sentence(tmp_path: Path) -> None:
    private, public = tmp_path / "rsa.pem", tmp_path / "rsa.pub.pem"
    key = other_kinds()["RSA"]
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key))
    errors = errors_of(JWT_SIGNING_KEY_FILE=str(private), JWT_PREVIOUS_PUBLIC_KEY_FILES=str(public))
    assert errors == {
        "JWT_SIGNING_KEY_FILE": "must be a file with an Ed25519 private key in PEM (PKCS#8), not"
        " encrypted; this is another kind of key (RSA)",
        "JWT_PREVIOUS_PUBLIC_KEY_FILES": "must be files with one Ed25519 public key each in PEM"
        " (SubjectPublicKeyInfo); this is another kind of key (RSA)",
    }


def test_a_signing_key_does_not_replace_the_secret(tmp_path: Path) -> None:
    private, _ = key_files(tmp_path, "first")
    errors = errors_of(DATABASE_URL="postgresql://a/b", JWT_SIGNING_KEY_FILE=private)
    assert set(errors) == {"JWT_SECRET_KEY"}
