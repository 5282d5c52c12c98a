"""Run the real service in a separate process, and act as its users."""

import atexit
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import httpx

from entrypoints.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PASSWORD: Final = "correct horse battery"
TEA: Final = {"items": [{"name": "tea"}], "total_price": 4.5}
NO_LIMITS: Final = {
    f"RATE_LIMIT_{name}": "off" for name in ("ORDERS", "LOGIN", "REGISTER", "DEFAULT")
}
_SETTINGS: Final = {each.name.upper() for each in fields(Settings)}
#: Many times longer than promised. A test fails if an event still hasn't happened by then.
START_TIMEOUT_SECONDS: Final = 300.0
STOP_TIMEOUT_SECONDS: Final = 150.0
ANSWER_TIMEOUT_SECONDS: Final = 120.0
#: The log message of a ready service, as JSON and on a console.
_READY: Final = re.compile(
    r'"The order service is ready\.","api":"([^"]+)".*\n|ready\.\n  API   (\S+)\n.*\n'
)
#: The client closes idle connections after one second, because some tests make the server close
#: them early and a delayed request must not be sent over a closed connection.
SHORT_KEEPALIVE: Final = httpx.Limits(keepalive_expiry=1.0)
#: How often to audit a broker that is too slow.
_AUDITS: Final = 20


def orders_command() -> list[str]:
    """Return the console script from this environment, or the same command in Python."""
    script = Path(sys.executable).with_name("orders")
    inline = [sys.executable, "-c", "from entrypoints.cli.main import main; main()"]
    return [str(script)] if script.exists() else inline


def long_deadlines_command() -> list[str]:
    """Return the command with longer deadlines, for long-running processes."""
    return [sys.executable, "-m", "tests.e2e.long_deadlines"]


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with only these settings."""
    inherited = {name: text for name, text in os.environ.items() if name not in _SETTINGS}
    return inherited | {"PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"} | settings


class OrdersProcess:
    """Run an `orders` command in a process until it is stopped, and keep its log."""

    def __init__(self, command: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        #: Resource limits for the process, such as `{resource.RLIMIT_NOFILE: 64}`.
        self.limits: dict[int, int] = {}

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which must have been started."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """The complete log."""
        return self._log_after(0)

    def _log_after(self, offset_bytes: int) -> str:
        """Return the log from an offset. Reading it all takes long after minutes under load."""
        return os.pread(self._log.fileno(), 1 << 24, offset_bytes).decode()

    @property
    def _log_bytes(self) -> int:
        return os.fstat(self._log.fileno()).st_size

    def spawn(self) -> None:
        """Start the process without waiting for it to be ready."""
        self._process = subprocess.Popen(
            [*long_deadlines_command(), self._command],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            env=environment(self.settings),
            start_new_session=True,
            preexec_fn=self._apply_limits if self.limits else None,  # noqa: PLW1509 - sets limits only
        )

    def _apply_limits(self) -> None:
        for kind, value in self.limits.items():
            resource.setrlimit(kind, (value, value))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the process with a signal, and assert that its exit code is 0."""
        self.process.send_signal(number)
        assert self.process.wait(STOP_TIMEOUT_SECONDS) == 0, self.log

    def kill(self) -> None:
        """Kill the process group. An embedded PostgreSQL survives in its own session."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Kill the process if it is still running, and close its log."""
        if self._process is not None:
            self.kill()
        self._log.close()


class Service(OrdersProcess):
    """Run `orders serve` with a `DATA_DIR`. It can be stopped, killed and restarted."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        super().__init__("serve", data_dir, {"PORT": "0", "DATA_DIR": str(data_dir), **settings})
        self.data_dir = data_dir
        self.http = httpx.Client()

    def start(self) -> Self:
        """Start the service and wait until it has logged its address."""
        log_bytes = self._log_bytes
        self.spawn()
        url = self._announced_url(log_bytes)
        self.http.close()
        self.http = httpx.Client(
            base_url=url, timeout=ANSWER_TIMEOUT_SECONDS, limits=SHORT_KEEPALIVE
        )
        return self

    def _announced_url(self, log_bytes: int) -> str:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not (found := _READY.search(self._log_after(log_bytes))):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return found[1] or found[2]

    def kill_everything(self) -> None:
        """Kill the process group and the embedded PostgreSQL."""
        self.kill()
        postgres = self.postgres
        if postgres is not None:
            with suppress(ProcessLookupError):
                os.kill(postgres, signal.SIGKILL)
            eventually(lambda: not is_alive(postgres))

    def close(self) -> None:
        """Kill everything that is still running, and close the log."""
        if self._process is not None:
            self.kill_everything()
        self.http.close()
        super().close()

    @property
    def postgres(self) -> int | None:
        """The process id of the embedded PostgreSQL, or None if it is not running."""
        file = self.data_dir / "postgres" / "cluster" / "postmaster.pid"
        return int(file.read_text().split()[0]) if file.exists() else None

    def run(
        self, *command: str, stdin: str = "", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run another `orders` command with the same `DATA_DIR`."""
        return subprocess.run(
            [*orders_command(), *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.data_dir,
            env=environment(self.settings | settings),
            timeout=START_TIMEOUT_SECONDS,
        )

    def audit_broker(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `orders audit --broker`. Repeat it while Kafka, on a busy machine, is too slow."""
        for _ in range(_AUDITS):
            done = self.run("audit", "--broker", *options)
            if "Kafka (KAFKA_BOOTSTRAP_SERVERS) cannot be read" not in done.stderr:
                break
        return done

    def register(self, **headers: str) -> "User":
        """Register a new user and log in."""
        credentials = {"email": an_email(), "password": PASSWORD}
        answer = self.http.post("/register/", json=credentials, headers=headers)
        assert answer.status_code == 201, answer.text
        return self.log_in(credentials["email"], **headers)

    def register_staff(self) -> "User":
        """Create a staff account with the operator's command, and log in."""
        email = an_email()
        command = ["users", "create", email, "--role", "staff", "--password-stdin"]
        done = self.run(*command, stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        return self.log_in(email)

    def log_in(self, email: str, **headers: str) -> "User":
        """Log in to an account."""
        answer = self.http.post(
            "/token/", data={"username": email, "password": PASSWORD}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        user = User(self, "", email, answer.json()["access_token"])
        return User(self, user.get("/me/").json()["id"], email, user.token)


@dataclass(frozen=True)
class User:
    """An account with a token."""

    service: Service
    id: str
    email: str
    token: str

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Send a request with the token."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        return self.service.http.request(method, path, headers=bearer | (headers or {}), **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, **request)

    def post_order(self, **changes: Any) -> httpx.Response:
        """Place an order for tea with these changes to its body."""
        return self.request("POST", "/orders/", json={**TEA, **changes})

    def post_text(self, body: str | bytes) -> httpx.Response:
        """Place an order with this JSON text as its body."""
        headers = {"Content-Type": "application/json"}
        return self.request("POST", "/orders/", content=body, headers=headers)

    def order(self, **changes: Any) -> dict[str, Any]:
        """Place an order and return it."""
        answer = self.post_order(**changes)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    def processed_order(self) -> dict[str, Any]:
        """Place an order, wait until it is processed, and return it."""
        path = f"/orders/{self.order()['id']}/"
        eventually(lambda: self.get(path).json()["processed_at"])
        order: dict[str, Any] = self.get(path).json()
        return order

    def patch(
        self, order: Mapping[str, Any], status: str, if_match: str | None = None, **more: Any
    ) -> httpx.Response:
        """Request a status change."""
        headers = {} if if_match is None else {"If-Match": if_match}
        body = {"status": status, **more}
        return self.request("PATCH", f"/orders/{order['id']}/", json=body, headers=headers)

    def history(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the order's history."""
        steps: list[dict[str, Any]] = self.get(f"/orders/{order['id']}/history/").json()
        return steps


@contextmanager
def running_service(**settings: str) -> Iterator[Service]:
    """Run a service with these settings and its own data, and stop it gracefully at the end."""
    has_other_storage = settings.keys() & {"DATABASE_URL", "ORDERS_PROVIDERS"}
    folder = a_data_dir() if has_other_storage else a_prepared_data_dir()
    with folder as data_dir, a_service(data_dir, **settings) as service:
        service.start()
        yield service
        service.stop()


@contextmanager
def a_service(data_dir: Path, **settings: str) -> Iterator[Service]:
    """Yield a service that hasn't been started yet, and kill it at the end."""
    service = Service(data_dir, settings)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def a_data_dir() -> Iterator[Path]:
    """Yield an empty folder. Unlike pytest's own folders, PostgreSQL's user can enter it."""
    folder = Path(tempfile.mkdtemp(prefix="orders-e2e-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def a_prepared_data_dir() -> Iterator[Path]:
    """Yield the folder of an embedded service that has no accounts yet.

    Starting a service there takes half of the CPU time that an empty folder takes.
    """
    with a_data_dir() as folder:
        # `cp` keeps the owners: root's embedded PostgreSQL runs as another user.
        subprocess.run(["cp", "-a", f"{_new_data()}/.", str(folder)], check=True)
        yield folder


@cache
def _new_data() -> Path:
    """Start a service once, and return its folder. It is deleted at the end of the run."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    folder = until_exit.enter_context(a_data_dir())
    with a_service(folder) as service:
        service.start().stop()
    return folder


def an_email() -> str:
    """Return a unique email address."""
    return f"ada.{secrets.token_hex(6)}@example.com"


def eventually(condition: Callable[[], object], within: float = 60.0) -> None:
    """Wait until the condition is true, for `within` seconds at most.

    Some conditions run a command. The pauses leave most of the CPU to the tested processes.
    """
    deadline = time.monotonic() + within
    checked_at = time.monotonic()
    while not condition():
        now = time.monotonic()
        assert now < deadline, "the condition was not met in time"
        time.sleep(max(0.02, 2 * (now - checked_at)))
        checked_at = time.monotonic()


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not (state.exists() and ") Z " in state.read_text())
    return False
