"""The settings: every one of them in one table, read from the environment and from `.env`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final

from application.ports.limits import Limit
from domain.order.policy import StatusPolicy
from entrypoints import setting_readers as read
from entrypoints.composition import addresses
from entrypoints.environment_file import read_environment_file

_BACKING: Final = ("database_url", "redis_url", "kafka_bootstrap_servers")


class BadSettings(Exception):
    """Settings that the service cannot run with: `faults` names each, and what is wrong with it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        lines = "\n".join(f"  {name}: {fault}" for name, fault in self.errors.items())
        super().__init__(f"These settings are wrong or missing:\n{lines}")


def _setting(reader: Callable[[str], Any], default: str, meaning: str) -> Any:
    return field(metadata={"read": reader, "default": default, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says, read and checked; durations in the types of Python."""

    database_url: str | None = _setting(
        read.optional(addresses.postgresql),
        "",
        "PostgreSQL: `postgresql+asyncpg://user:password@host:5432/orders`, libpq's parameters"
        " and several hosts (`host1:5432,host2:5432`) too"
        " ([which ones](docs/operations.md#addresses)). Unset: a real PostgreSQL of our own, its"
        " data under `DATA_DIR`",
    )
    redis_url: str | None = _setting(
        read.optional(addresses.redis),
        "",
        "Redis, or a node of a Redis Cluster, for cache, limits and tasks:"
        " `redis://host:6379/0`. Unset: in-process",
    )
    kafka_bootstrap_servers: str | None = _setting(
        read.optional(read.brokers), "", "Kafka: `host:port[,host:port]`. Unset: in-process"
    )
    kafka_security_protocol: str | None = _setting(
        read.optional(read.choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")),
        "",
        "`PLAINTEXT` (also where unset), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    )
    kafka_sasl_mechanism: str | None = _setting(
        read.optional(read.choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
        "",
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
    )
    kafka_sasl_username: str | None = _setting(read.optional(read.text), "", "The user, with SASL")
    kafka_sasl_password: str | None = _setting(
        read.optional(read.text), "", "The password, with SASL"
    )
    kafka_ssl_cafile: str | None = _setting(
        read.optional(addresses.authorities), "", "A file of authorities to trust, with SSL"
    )
    kafka_topic_prefix: str = _setting(
        read.topic_prefix, "", "Before every topic and group, for those who share a cluster"
    )
    redis_prefix: str = _setting(read.text, "", "Before every key, for those who share a Redis")
    smtp_url: str | None = _setting(
        read.optional(addresses.smtp),
        "",
        "A mail server, for a mail to its owner when an order ships:"
        " `smtp://user:password@host:587`, `smtps://…`; `?starttls=` is `required` (also where"
        " unset, with a password), `auto` or `off`. Unset: no mail",
    )
    smtp_from: str | None = _setting(
        read.optional(read.sender),
        "",
        "The sender of the mails: `shop@example.com`, or `Shop <shop@example.com>`",
    )
    jwt_secret_key: bytes | None = _setting(
        read.optional(read.secret),
        "",
        "Signs the tokens; at least 32 bytes. Required with `DATABASE_URL`, else made at random",
    )
    jwt_secret_key_file: bytes | None = _setting(
        read.optional(read.secret_file), "", "A file that holds it instead"
    )
    jwt_previous_secret_keys: tuple[bytes, ...] = _setting(
        read.secrets, "", "Earlier keys, separated by commas: they still verify, and never sign"
    )
    data_dir: Path | None = _setting(
        read.optional(Path),
        "",
        "Where the embedded mode keeps its data: `./var`, or a system place where root runs it"
        " from a folder that nobody else can enter",
    )
    host: str = _setting(read.text, "127.0.0.1", "The address to listen on")
    port: int = _setting(read.whole(0, 65_535), "8000", "The port to listen on")
    workers: int = _setting(
        read.whole(1, 256), "1", "Processes of the API; more than one needs all three services"
    )
    keep_alive: int = _setting(
        read.whole(1, 86_400),
        "75",
        "Seconds for which an idle connection is kept; more than the balancer in front keeps"
        " its own",
    )
    admin_port: int | None = _setting(
        read.optional(read.whole(1, 65_535)),
        "",
        "The port of `/health/`, `/health/ready/` and `/metrics` of relay, consumer and worker."
        " Unset: off",
    )
    access_token_ttl: int = _setting(
        read.whole(1, 31_536_000), "1800", "Seconds for which an access token is valid"
    )
    refresh_token_ttl: int = _setting(
        read.whole(1, 315_360_000), "2592000", "Seconds for which a refresh token is valid"
    )
    cache_ttl: int = _setting(
        read.whole(1, 31_536_000), "300", "Seconds for which an order is cached"
    )
    rate_limit_orders: Limit | None = _setting(
        read.limit("orders"),
        "60/minute",
        "Orders that a user may create: `N/second`, `N/minute`, `N/hour`, `N/day` or `off`",
    )
    rate_limit_login: Limit | None = _setting(
        read.limit("login"),
        "10/minute",
        "Failed logins of one account from one address; ten times that for one account, and for"
        " one address, over all",
    )
    rate_limit_register: Limit | None = _setting(
        read.limit("register"), "30/minute", "Accounts that may be opened from one address"
    )
    rate_limit_default: Limit | None = _setting(
        read.limit("default"), "1200/minute", "Everything else, by user or else by address"
    )
    status_policy: StatusPolicy = _setting(
        lambda text: StatusPolicy(read.choice(*StatusPolicy)(text)),
        "owner",
        "Who sets an order's status: `owner`, or `staff` (owners may only cancel)",
    )
    processing_delay: timedelta = _setting(
        read.seconds, "2", "Seconds that the simulated fulfilment takes"
    )
    sweep_after: timedelta = _setting(
        read.seconds,
        "60",
        "Seconds after which a published, unprocessed order is handed over again",
    )
    stuck_after: timedelta = _setting(
        read.seconds, "300", "Seconds after which the audit calls an unprocessed order stuck"
    )
    db_pool_size: int = _setting(
        read.whole(2, 1000), "10", "Connections to PostgreSQL that one process may hold"
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        read.networks,
        "",
        "Networks whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Prefix` are believed,"
        " separated by commas",
    )
    root_path: str = _setting(
        read.path_prefix,
        "",
        "The path prefix that a proxy strips, such as `/shop`: links, `Location` and `/docs` carry"
        " it",
    )
    cors_origins: tuple[str, ...] = _setting(
        read.origins, "", "Origins whose pages may call the API, separated by commas"
    )
    orders_providers: str | None = _setting(
        read.optional(read.reference),
        "",
        "`module:attribute` of dishka providers that replace adapters, in every role and command",
    )
    default_currency: str = _setting(read.currency, "USD", "ISO 4217, where an order names none")
    log_level: str = _setting(
        lambda text: read.choice("DEBUG", "INFO", "WARNING", "ERROR")(text.upper()),
        "INFO",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
    )
    log_format: str = _setting(
        read.log_format, "", "`console` or `json`; unset: as fits a terminal"
    )

    @property
    def missing_services(self) -> tuple[str, ...]:
        """The names of the settings of backing services that are not set."""
        return tuple(name.upper() for name in _BACKING if getattr(self, name) is None)

    @property
    def described(self) -> dict[str, str]:
        """Which adapters and which policy a process runs with; no address, and no password."""
        return {
            "postgresql": "external" if self.database_url else "embedded",
            "redis": "external" if self.redis_url else "in-process",
            "kafka": "external" if self.kafka_bootstrap_servers else "in-process",
            "status_policy": self.status_policy,
        }

    @property
    def secret(self) -> bytes | None:
        """The key that signs tokens, wherever it was given."""
        return self.jwt_secret_key or self.jwt_secret_key_file


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment` (default: the process's, over `.env`).

    Raises:
        BadSettings: with every wrong or missing setting.
    """
    if environment is None:
        try:
            in_file = read_environment_file(Path(".env"))
        except ValueError as error:
            raise BadSettings({".env": str(error)}) from error
        environment = {**in_file, **os.environ}
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for each in fields(Settings):
        name = each.name.upper()
        try:
            values[each.name] = each.metadata["read"](
                environment.get(name, "").strip() or each.metadata["default"]
            )
        except ValueError as error:
            errors[name] = str(error)
    errors |= _contradictions(values, errors)
    if errors:
        raise BadSettings(errors)
    return Settings(**values)


def _contradictions(values: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with settings that are fine one by one."""
    found: dict[str, str] = {}
    secrets = [name for name in ("jwt_secret_key", "jwt_secret_key_file") if values.get(name)]
    secret_is_bad = {"JWT_SECRET_KEY", "JWT_SECRET_KEY_FILE"} & known.keys()
    if values.get("database_url") and not secrets and not secret_is_bad:
        found["JWT_SECRET_KEY"] = "must be set where DATABASE_URL is"
    if len(secrets) > 1:
        found["JWT_SECRET_KEY_FILE"] = "must not be set where JWT_SECRET_KEY is"
    if values.get("workers", 1) > 1:
        missing = [n.upper() for n in _BACKING if not values.get(n) and n.upper() not in known]
        if missing:
            found["WORKERS"] = f"more than one needs {', '.join(missing)} too"
    if (values.get("kafka_security_protocol") or "").startswith("SASL"):
        login = ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
        missing = [name for name in login if not values.get(name.lower()) and name not in known]
        found |= dict.fromkeys(missing, "must be set with SASL")
    if values.get("smtp_url") and not values.get("smtp_from") and "SMTP_FROM" not in known:
        found["SMTP_FROM"] = "must be set where SMTP_URL is"
    return found
