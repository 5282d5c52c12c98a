"""All settings in one table, read from the environment and from `.env` (ADR 25)."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final

from application.ports.limits import Limit
from domain.order.policy import StatusPolicy
from entrypoints import setting_parsers as parse
from entrypoints.composition import addresses, key_files
from entrypoints.environment_file import read_environment_file

_BACKING_SERVICES: Final = ("database_url", "redis_url", "kafka_bootstrap_servers")


class BadSettings(Exception):
    """The service cannot run with these settings. `errors` has a sentence for each, by name."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        lines = "\n".join(f"  {name}: {error}" for name, error in self.errors.items())
        super().__init__(f"These settings are wrong or missing:\n{lines}")


def _setting(parser: Callable[[str], Any], default: str, meaning: str) -> Any:
    return field(metadata={"parse": parser, "default": default, "meaning": meaning})


def _optional(parser: Callable[[str], Any], meaning: str) -> Any:
    return _setting(lambda text: parser(text) if text else None, "", meaning)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """The settings, parsed and checked. They include secrets, so they don't have a `repr`."""

    database_url: str | None = _optional(
        addresses.postgresql,
        "PostgreSQL: `postgresql+asyncpg://user:password@host:5432/orders`, libpq's parameters"
        " and several hosts (`host1:5432,host2:5432`) too"
        " ([list](docs/operations.md#addresses)). Unset: an embedded PostgreSQL with its data in"
        " `DATA_DIR`",
    )
    redis_url: str | None = _optional(
        addresses.redis,
        "Redis, or a node of a Redis Cluster, for cache, limits and tasks:"
        " `redis://host:6379/0`. Unset: in-process",
    )
    kafka_bootstrap_servers: str | None = _optional(
        parse.brokers, "Kafka: `host:port[,host:port]`. Unset: in-process"
    )
    kafka_security_protocol: str | None = _optional(
        parse.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "`PLAINTEXT` (also if unset), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    )
    kafka_sasl_mechanism: str | None = _optional(
        parse.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
    )
    kafka_sasl_username: str | None = _optional(str, "The user for SASL")
    kafka_sasl_password: str | None = _optional(str, "The password for SASL")
    kafka_ssl_cafile: str | None = _optional(
        addresses.authorities, "A file of certificate authorities, with SSL"
    )
    kafka_topic_prefix: str = _setting(
        parse.matching(
            r"[A-Za-z0-9._-]{0,200}", "must have at most 200 of the characters A-Z a-z 0-9 . _ -"
        ),
        "",
        "Prefix of all topics and consumer groups, for a shared cluster",
    )
    redis_prefix: str = _setting(str, "", "Prefix of all keys, for a shared Redis")
    smtp_url: str | None = _optional(
        addresses.smtp,
        "A mail server, for a mail to its owner when an order ships:"
        " `smtp://user:password@host:587`, `smtps://…`. `?starttls=` is `required` (also if unset,"
        " with a password), `auto` or `off`. Unset: no mail",
    )
    smtp_from: str | None = _optional(
        parse.sender, "The sender of the mails: `shop@example.com`, or `Shop <shop@example.com>`"
    )
    jwt_secret_key: bytes | None = _optional(
        parse.secret,
        "Signs the tokens; at least 32 bytes. Required with `DATABASE_URL`, else generated",
    )
    jwt_secret_key_file: bytes | None = _optional(parse.secret_file, "A file with that key instead")
    jwt_previous_secret_keys: tuple[bytes, ...] = _setting(
        parse.comma_separated(parse.secret),
        "",
        "Earlier keys, separated by commas: they verify tokens, but sign none",
    )
    jwt_signing_key_file: key_files.PrivateKey | None = _optional(
        key_files.private_key,
        "A file with an Ed25519 private key in PEM (PKCS#8), which signs the tokens instead."
        " Its public key is at `/.well-known/jwks.json`, and `JWT_SECRET_KEY` still verifies",
    )
    jwt_previous_public_key_files: tuple[key_files.PublicKey, ...] = _setting(
        parse.comma_separated(key_files.public_key),
        "",
        "Files with one Ed25519 public key each in PEM, separated by commas: earlier and next keys,"
        " which are published and verify tokens, but sign none",
    )
    oidc_issuer: str | None = _optional(
        addresses.issuer,
        "The URL of an OpenID Connect issuer, whose access tokens are accepted too"
        " ([how to](docs/how-to/outside-issuer.md))",
    )
    oidc_audience: str | None = _optional(
        parse.matching(r"[!-~]{1,255}", "must have at most 255 ASCII characters without spaces"),
        "This service's name in the `aud` of that issuer's tokens; required with `OIDC_ISSUER`",
    )
    data_dir: Path | None = _optional(
        Path,
        "The folder with the embedded mode's data: `./var`, or a system folder if root runs the"
        " service in a folder that only root can enter",
    )
    host: str = _setting(str, "127.0.0.1", "The address to listen on")
    port: int = _setting(parse.whole_number(0, 65_535), "8000", "The port to listen on")
    workers: int = _setting(
        parse.whole_number(1, 256),
        "1",
        "Processes of the API; more than one needs all three services",
    )
    keep_alive: int = _setting(
        parse.whole_number(1, 86_400),
        "75",
        "Seconds until an idle connection is closed; more than the load balancer's own timeout",
    )
    admin_port: int | None = _optional(
        parse.whole_number(1, 65_535),
        "The port of `/health/`, `/health/ready/` and `/metrics` of relay, consumer and worker."
        " Unset: off",
    )
    access_token_ttl: int = _setting(
        parse.whole_number(1, 31_536_000), "1800", "Lifetime of an access token in seconds"
    )
    refresh_token_ttl: int = _setting(
        parse.whole_number(1, 315_360_000), "2592000", "Lifetime of a refresh token in seconds"
    )
    argon2_memory_kib: int = _setting(
        parse.whole_number(19_456, 4_194_304),
        "19456",
        "Memory for hashing a password, in KiB. Up to two passwords are hashed at once per process",
    )
    argon2_time_cost: int = _setting(
        parse.whole_number(2, 1000), "2", "Passes over that memory for each password"
    )
    argon2_parallelism: int = _setting(
        parse.whole_number(1, 64),
        "1",
        "Lanes for each password. Raise any of the three, and each password is hashed again at its"
        " next login",
    )
    cache_ttl: int = _setting(
        parse.whole_number(1, 31_536_000), "300", "Lifetime of a cached order in seconds"
    )
    rate_limit_orders: Limit | None = _setting(
        parse.rate_limit("orders"),
        "60/minute",
        "Orders that a user may create: `N/second`, `N/minute`, `N/hour`, `N/day` or `off`",
    )
    rate_limit_login: Limit | None = _setting(
        parse.rate_limit("login"),
        "10/minute",
        "Failed logins of one account from one address; ten times that for one account in all,"
        " and for one address in all",
    )
    rate_limit_register: Limit | None = _setting(
        parse.rate_limit("register"), "30/minute", "Registrations from one address"
    )
    rate_limit_default: Limit | None = _setting(
        parse.rate_limit("default"), "1200/minute", "All other requests, by user or else by address"
    )
    status_policy: StatusPolicy = _setting(
        lambda text: StatusPolicy(parse.one_of(*StatusPolicy)(text)),
        "owner",
        "Permission to set an order's status: `owner`, or `staff` (owners may only cancel)",
    )
    processing_delay: timedelta = _setting(
        parse.seconds, "2", "Duration of the simulated fulfilment in seconds"
    )
    sweep_after: timedelta = _setting(
        parse.seconds,
        "60",
        "Seconds until a published, unprocessed order is requeued",
    )
    stuck_after: timedelta = _setting(
        parse.seconds, "300", "Seconds until the audit reports an unprocessed order as stuck"
    )
    db_pool_size: int = _setting(
        parse.whole_number(2, 1000),
        "10",
        "Maximum number of PostgreSQL connections of a process",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        parse.networks,
        "",
        "Networks whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Prefix` are trusted,"
        " separated by commas",
    )
    root_path: str = _setting(
        parse.path_prefix,
        "",
        "The path prefix that a proxy strips, such as `/shop`; links, `Location` and `/docs`"
        " include it",
    )
    cors_origins: tuple[str, ...] = _setting(
        parse.comma_separated(
            parse.matching(
                r"\*|[a-z][a-z0-9+.-]*://[^/?#@\s]+",  # RFC 6454, section 6.1
                "must be origins such as https://shop.example.com, without a path",
            )
        ),
        "",
        "Origins whose pages may call the API, separated by commas",
    )
    idempotency: str = _setting(
        parse.one_of("optional", "required"),
        "optional",
        "`required`: `POST /orders/` without an `Idempotency-Key` is refused",
    )
    password_grant: bool = _setting(
        parse.switch,
        "on",
        "`off`: no tokens for passwords. Refresh tokens and machine clients go on working",
    )
    orders_providers: str | None = _optional(
        parse.reference,
        "`module:attribute` of dishka providers that replace adapters, in every role and command",
    )
    default_currency: str = _setting(
        parse.currency, "USD", "ISO 4217 code for orders without a currency"
    )
    log_level: str = _setting(
        lambda text: parse.one_of("DEBUG", "INFO", "WARNING", "ERROR")(text.upper()),
        "INFO",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
    )
    log_format: str = _setting(
        parse.log_format, "", "`console` or `json`. Unset: `console` on a terminal, else `json`"
    )

    @property
    def missing_services(self) -> tuple[str, ...]:
        """The names of the backing service settings that are not set."""
        return tuple(name.upper() for name in _BACKING_SERVICES if getattr(self, name) is None)

    @property
    def summary(self) -> dict[str, str]:
        """Adapters (except the storage) and the status policy, without addresses or passwords."""
        return {
            "redis": "external" if self.redis_url else "in-process",
            "kafka": "external" if self.kafka_bootstrap_servers else "in-process",
            "status_policy": self.status_policy,
        }

    @property
    def secret(self) -> bytes | None:
        """The key that signs tokens, from either setting."""
        return self.jwt_secret_key or self.jwt_secret_key_file


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Parse the settings in `environment` (default: `.env`, overridden by the process's own).

    Raises:
        BadSettings: settings are wrong or missing. The error lists all of them.
    """
    environment = _environment() if environment is None else environment
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for each in fields(Settings):
        name = each.name.upper()
        text = environment.get(name, "").strip() or each.metadata["default"]
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            errors[name] = str(error)
    errors = {**_contradictions(values, errors), **errors}
    if errors:
        raise BadSettings(errors)
    return Settings(**values)


def _environment() -> Mapping[str, str]:
    try:
        return {**read_environment_file(Path(".env")), **os.environ}
    except ValueError as error:
        raise BadSettings({".env": str(error)}) from error


def _contradictions(values: Mapping[str, Any], wrong: Collection[str]) -> dict[str, str]:
    """Return errors about combinations of settings. An invalid setting is treated as set."""

    def is_missing(name: str) -> bool:
        return not is_set(name)

    def is_set(name: str) -> bool:
        return bool(values.get(name)) or name.upper() in wrong

    found: dict[str, str] = {}
    has_no_secret = is_missing("jwt_secret_key") and is_missing("jwt_secret_key_file")
    if is_set("database_url") and has_no_secret:
        found["JWT_SECRET_KEY"] = "must be set if DATABASE_URL is set"
    if is_set("jwt_secret_key") and is_set("jwt_secret_key_file"):
        found["JWT_SECRET_KEY_FILE"] = "must not be set if JWT_SECRET_KEY is set"
    missing = [name.upper() for name in _BACKING_SERVICES if is_missing(name)]
    if missing and values.get("workers", 1) > 1:
        found["WORKERS"] = f"more than one needs {', '.join(missing)} too"
    if (values.get("kafka_security_protocol") or "").startswith("SASL"):
        login = filter(is_missing, ("kafka_sasl_username", "kafka_sasl_password"))
        found |= {name.upper(): "must be set with SASL" for name in login}
    if is_set("smtp_url") and is_missing("smtp_from"):
        found["SMTP_FROM"] = "must be set if SMTP_URL is set"
    for name, other in (("oidc_issuer", "oidc_audience"), ("oidc_audience", "oidc_issuer")):
        if is_set(other) and is_missing(name):
            found[name.upper()] = f"must be set if {other.upper()} is set"
    return found
