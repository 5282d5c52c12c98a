"""The real service as a process of its own, and the people who use it."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
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
#: Seconds, many times what is promised: they tell what is late from what never comes.
START_TIMEOUT_SECONDS: Final = 300.0
STOP_TIMEOUT_SECONDS: Final = 150.0
ANSWER_TIMEOUT_SECONDS: Final = 120.0
#: What the service writes when it is ready, in JSON and on a console.
_READY: Final = re.compile(
    r'"The order service is ready\.","api":"([^"]+)".*\n|ready\.\n  API   (\S+)\n.*\n'
)
#: A connection is idle for a second at most: some tests make the server close one soon, and a
#: request that a busy machine holds back must not find it closed.
AT_REST: Final = httpx.Limits(keepalive_expiry=1.0)


def orders_command() -> list[str]:
    """The console script of this environment, or what it does where it is not installed."""
    script = Path(sys.executable).with_name("orders")
    inline = [sys.executable, "-c", "from entrypoints.cli.main import main; main()"]
    return [str(script)] if script.exists() else inline


def patient_command() -> list[str]:
    """The same, but that a slow server is no server out of reach: for whatever runs for long."""
    return [sys.executable, "-m", "tests.e2e.patient_orders"]


def environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with these settings, and no other, in it."""
    inherited = {name: text for name, text in os.environ.items() if name not in _SETTINGS}
    return inherited | {"PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"} | settings


class OrdersProcess:
    """An `orders` command as a process that runs until it is told to stop; it keeps its log."""

    def __init__(self, command: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which was started."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """Everything that it has said."""
        return os.pread(self._log.fileno(), 1 << 24, 0).decode()

    def spawn(self) -> None:
        """Start it, and wait for nothing."""
        self._process = subprocess.Popen(
            [*patient_command(), self._command],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            env=environment(self.settings),
            start_new_session=True,
        )

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to stop, as an operator or Ctrl-C does: it exits with 0."""
        self.process.send_signal(number)
        assert self.process.wait(STOP_TIMEOUT_SECONDS) == 0, self.log

    def kill(self) -> None:
        """Kill -9 its process group; an embedded PostgreSQL is in a session of its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End what still runs, and forget it."""
        if self._process is not None:
            self.kill()
        self._log.close()


class Service(OrdersProcess):
    """`orders serve` over a `DATA_DIR`; it can be stopped, killed, and started again."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        super().__init__("serve", data_dir, {"PORT": "0", "DATA_DIR": str(data_dir), **settings})
        self.data_dir = data_dir
        self.http = httpx.Client()

    def start(self) -> Self:
        """Start it, and wait until it says where it is to be found."""
        said = len(self.log)
        self.spawn()
        url = self._announced_url(said)
        self.http.close()
        self.http = httpx.Client(base_url=url, timeout=ANSWER_TIMEOUT_SECONDS, limits=AT_REST)
        return self

    def _announced_url(self, said: int) -> str:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not (found := _READY.search(self.log[said:])):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return found[1] or found[2]

    def kill_everything(self) -> None:
        """Kill -9 PostgreSQL too."""
        self.kill()
        postgres = self.postgres
        if postgres is not None:
            with suppress(ProcessLookupError):
                os.kill(postgres, signal.SIGKILL)
            eventually(lambda: not is_alive(postgres))

    def close(self) -> None:
        """End what still runs, and forget it."""
        if self._process is not None:
            self.kill_everything()
        self.http.close()
        super().close()

    @property
    def postgres(self) -> int | None:
        """The process id of its PostgreSQL; None where there is none."""
        file = self.data_dir / "postgres" / "cluster" / "postmaster.pid"
        return int(file.read_text().split()[0]) if file.exists() else None

    def run(
        self, *command: str, stdin: str = "", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run another `orders` command on the same `DATA_DIR`."""
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

    def register(self, **headers: str) -> "User":
        """Somebody new, logged in."""
        credentials = {"email": an_email(), "password": PASSWORD}
        answer = self.http.post("/register/", json=credentials, headers=headers)
        assert answer.status_code == 201, answer.text
        return self.log_in(credentials["email"], **headers)

    def register_staff(self) -> "User":
        """Somebody new of the staff, whom an operator let in."""
        email = an_email()
        command = ["users", "create", email, "--role", "staff", "--password-stdin"]
        done = self.run(*command, stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        return self.log_in(email)

    def log_in(self, email: str, **headers: str) -> "User":
        """Somebody with an account."""
        answer = self.http.post(
            "/token/", data={"username": email, "password": PASSWORD}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        user = User(self, "", email, answer.json()["access_token"])
        return User(self, user.get("/me/").json()["id"], email, user.token)


@dataclass(frozen=True)
class User:
    """Somebody with an account and a token."""

    service: Service
    id: str
    email: str
    token: str

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Ask something, with the token."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        return self.service.http.request(method, path, headers=bearer | (headers or {}), **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Read something."""
        return self.ask("GET", path, **request)

    def post_order(self, **changes: Any) -> httpx.Response:
        """Place an order for tea, or whatever else it is changed to."""
        return self.ask("POST", "/orders/", json={**TEA, **changes})

    def post_text(self, body: str | bytes) -> httpx.Response:
        """Place the order that this JSON describes, sent as it is."""
        headers = {"Content-Type": "application/json"}
        return self.ask("POST", "/orders/", content=body, headers=headers)

    def order(self, **changes: Any) -> dict[str, Any]:
        """An order that was placed."""
        answer = self.post_order(**changes)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    def processed_order(self) -> dict[str, Any]:
        """An order that was placed and processed."""
        path = f"/orders/{self.order()['id']}/"
        eventually(lambda: self.get(path).json()["processed_at"])
        order: dict[str, Any] = self.get(path).json()
        return order

    def patch(
        self, order: Mapping[str, Any], status: str, if_match: str | None = None, **more: Any
    ) -> httpx.Response:
        """Ask for another status."""
        headers = {} if if_match is None else {"If-Match": if_match}
        body = {"status": status, **more}
        return self.ask("PATCH", f"/orders/{order['id']}/", json=body, headers=headers)

    def history(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The order's history."""
        steps: list[dict[str, Any]] = self.get(f"/orders/{order['id']}/history/").json()
        return steps


@contextmanager
def running_service(**settings: str) -> Iterator[Service]:
    """The service with these settings, on data of its own, stopped in order at the end."""
    with a_data_dir() as data_dir, a_service(data_dir, **settings) as service:
        service.start()
        yield service
        service.stop()


@contextmanager
def a_service(data_dir: Path, **settings: str) -> Iterator[Service]:
    """A service that is not started yet; nothing of it is left running."""
    service = Service(data_dir, settings)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def a_data_dir() -> Iterator[Path]:
    """An empty folder where PostgreSQL's user can get to: pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="orders-e2e-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def an_email() -> str:
    """An address that nobody has."""
    return f"ada.{secrets.token_hex(6)}@example.com"


def eventually(condition: Callable[[], object], within: float = 60.0) -> None:
    """Wait until the condition holds; `within` tells what is late from what never comes."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that its parent has not yet collected does not."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not (state.exists() and ") Z " in state.read_text())
    return False
