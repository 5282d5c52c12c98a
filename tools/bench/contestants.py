"""The three contestants, with functions to start them, and their workloads."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx

from tools.bench.errors import BenchError
from tools.bench.floor import ORDER, USER
from tools.bench.processes import Running, program_environment, serving
from tools.bench.storage import Storage
from tools.bench.usage import Meter
from tools.bench.wrk import Work

_ROOT: Final = Path(__file__).resolve().parents[2]
_REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
_UVICORN: Final = ("-m", "uvicorn", "--port", "{port}", "--loop", "uvloop", "--http", "httptools")
_QUIET: Final = ("--no-access-log", "--log-level", "warning")
_JSON: Final = {"Content-Type": "application/json"}
_ENDLESS: Final = "1000000000/minute"
_ORDERS: Final = Path(sys.executable).with_name("orders")
_COMMON: Final = {
    "PROCESSING_DELAY": "0",
    "ACCESS_TOKEN_TTL": "86400",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
}

#: The commands of the roles behind the API.
ROLES: Final = {"relay": "relay", "consumer": "consume", "worker": "work"}
#: How many orders to read in turn, and how many the list contains.
_READ: Final = 100
_LISTED: Final = 20
_BODY: Final = json.dumps(
    {
        "items": [
            {"name": "Green tea", "quantity": 2, "price": 9.95},
            {"name": "Cup", "quantity": 1, "price": 4.1},
        ],
        "total_price": 24.0,
    }
)

CREATE, READ, LIST = "POST /orders/", "GET /orders/{id}/ cached", "GET /orders/user/{id}/, 20"
WORKS: Final = (CREATE, READ, LIST)
#: Only this service has this workload. It is compared with `CREATE`.
CREATE_WITH_KEY: Final = "POST /orders/ with an Idempotency-Key"
BASELINE, FLOOR, SERVICE = "baseline", "floor", "service"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that is ready to be measured."""

    name: str
    works: Mapping[str, Work]
    meter: Meter


@dataclass(frozen=True, slots=True)
class Account:
    """A user account on a server."""

    id: str
    client: httpx.Client

    def place(self, count: int) -> list[str]:
        """Place `count` orders and return their ids."""
        responses = (self.client.post("/orders/", content=_BODY) for _ in range(count))
        return [response.raise_for_status().json()["id"] for response in responses]


def open_account(url: str) -> Account:
    """Register a new user on a server and log in."""
    client = httpx.Client(base_url=url, trust_env=False, timeout=30, headers=_JSON)
    email, password = f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(16)
    opened = client.post("/register/", json={"email": email, "password": password})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    form = {"username": email, "password": password}
    token = client.post("/token/", data=form, headers=kind).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {token['access_token']}"
    return Account(opened.raise_for_status().json()["id"], client)


def work_of(account: Account, *paths: str) -> Work:
    """Return a workload that reads these paths with the account's token."""
    headers = {"Authorization": account.client.headers["Authorization"]}
    return Work(str(account.client.base_url), paths, headers=headers)


def create_work(account: Account) -> Work:
    """Return a workload that creates orders with the account's token."""
    headers = {"Authorization": account.client.headers["Authorization"], **_JSON}
    return Work(str(account.client.base_url), ["/orders/"], "POST", headers, _BODY)


def works_of(url: str) -> dict[str, Work]:
    """Return the three workloads for a server that has accounts.

    One user creates and reads orders, and another one has 20 orders to list.
    """
    user, lister = open_account(url), open_account(url)
    with closing(user.client), closing(lister.client):
        lister.place(_LISTED)
        read = work_of(user, *(f"/orders/{order}/" for order in user.place(_READ)))
        create = create_work(user)
    return {CREATE: create, READ: read, LIST: work_of(lister, f"/orders/user/{lister.id}/")}


def make_baseline_environment(folder: Path) -> Path:
    """Create a temporary environment with the baseline's dependencies and return its Python.

    Raises:
        BenchError: pip failed.
    """
    python = folder / "bin" / "python"
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--no-deps", "--no-input"]
    for words in (
        [sys.executable, "-I", "-m", "venv", str(folder)],
        [*pip, "--disable-pip-version-check", "--requirement", str(_REQUIREMENTS)],
    ):
        done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise BenchError(f"no environment for the baseline: {done.stderr.strip()}")
    return python


@contextmanager
def baseline(storage: Storage, folder: Path, python: Path) -> Iterator[Contestant]:
    """Run the original design."""
    url, redis_url = storage.database(BASELINE), storage.redis_number(1)
    settings = {
        "BASELINE_DATABASE_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
        "BASELINE_REDIS_URL": redis_url,
    }
    command = (python, *_UVICORN, *_QUIET, "tools.bench.baseline:app")
    with serving(command, _ROOT, folder / "baseline.log", settings) as running:
        yield Contestant(BASELINE, works_of(running.url), Meter(running.pid, url, redis_url))


@contextmanager
def floor(storage: Storage, folder: Path) -> Iterator[Contestant]:
    """Run the bare framework on the same database servers."""
    url, redis_url = storage.database(FLOOR), storage.redis_number(2)
    settings = {"FLOOR_DATABASE_URL": url, "FLOOR_REDIS_URL": redis_url}
    command = (sys.executable, *_UVICORN, *_QUIET, "tools.bench.floor:app")
    with serving(command, _ROOT, folder / "floor.log", settings) as running:
        works = {
            CREATE: Work(running.url, ["/orders/"], "POST", _JSON, _BODY),
            READ: Work(running.url, [f"/orders/{ORDER}/"]),
            LIST: Work(running.url, [f"/orders/user/{USER}/"]),
        }
        yield Contestant(FLOOR, works, Meter(running.pid, url, redis_url))


def production(storage: Storage) -> dict[str, str]:
    """Return the settings for a service with each role in its own process."""
    return {
        **external(storage.database(SERVICE)),
        "REDIS_URL": storage.redis_number(3),
        "KAFKA_BOOTSTRAP_SERVERS": storage.kafka,
    }


def external(database: str) -> dict[str, str]:
    """Return the settings for a service that uses this database."""
    return {"DATABASE_URL": database, "JWT_SECRET_KEY": secrets.token_urlsafe(32)}


@contextmanager
def service(settings: Mapping[str, str], folder: Path) -> Iterator[Contestant]:
    """Run this service's API in its own process, like in production."""
    orders("migrate", folder, settings)
    with orders_serve(folder, SERVICE, settings) as running:
        works = works_of(running.url)
        with_key = replace(works[CREATE], has_keys=True)
        meter = Meter(running.pid, settings["DATABASE_URL"], settings["REDIS_URL"])
        yield Contestant(SERVICE, {**works, CREATE_WITH_KEY: with_key}, meter)


@contextmanager
def contestants(
    storage: Storage, settings: Mapping[str, str], folder: Path, python: Path
) -> Iterator[Sequence[Contestant]]:
    """Run all three on the same storage, with their logs in a new folder.

    `settings` are the service's, and `python` is the baseline's.
    """
    folder.mkdir()
    with ExitStack() as stack:
        yield (
            stack.enter_context(baseline(storage, folder, python)),
            stack.enter_context(floor(storage, folder)),
            stack.enter_context(service(settings, folder)),
        )


@contextmanager
def roles(settings: Mapping[str, str], folder: Path) -> Iterator[Mapping[str, Running]]:
    """Run the relay, the consumer and the worker, and yield them by name."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(role(command, settings, folder))
            for name, command in ROLES.items()
        }


@contextmanager
def role(name: str, settings: Mapping[str, str], folder: Path) -> Iterator[Running]:
    """Run one of the roles in its own process."""
    role_settings = {**_COMMON, **settings, "ADMIN_PORT": "{port}"}
    with serving((_ORDERS, name), folder, folder / f"{name}.log", role_settings) as running:
        yield running


@contextmanager
def orders_serve(folder: Path, name: str, settings: Mapping[str, str]) -> Iterator[Running]:
    """Run `orders serve` as an operator would, with rate limits that are never reached."""
    limits = {f"RATE_LIMIT_{each}": _ENDLESS for each in ("ORDERS", "LOGIN", "REGISTER", "DEFAULT")}
    log = folder / f"{name}.log"
    service_settings = {**_COMMON, **limits, **settings, "PORT": "{port}"}
    # The working directory belongs to the benchmark, so it doesn't contain a `.env` file.
    with serving((_ORDERS, "serve"), folder, log, service_settings) as running:
        yield running


def orders(command: str, folder: Path, settings: Mapping[str, str]) -> str:
    """Run a command for operators and return its output.

    Raises:
        BenchError: the command failed.
    """
    done = subprocess.run(  # noqa: S603 - a fixed command
        [_ORDERS, command],
        cwd=folder,
        env={**program_environment(), **_COMMON, **settings},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"orders {command}: {(done.stdout + done.stderr).strip()}")
    return done.stdout.strip()
