"""`make demo`: start a temporary service and follow one order through it.

register → token → create → read (from the cache) → PATCH → list → processed. The exit code is 0 if
every response has the expected status.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
ORDER = {
    "items": [
        {"product_id": "tea-250", "name": "Green tea", "quantity": 2, "price": 9.95},
        {"name": "Cup", "quantity": 1, "price": "4.10", "attributes": {"color": "white"}},
    ],
    "total_price": 24,
    "reference": "demo-1",
}


class Caller:
    """Sends requests and prints them together with their responses."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        self._token: str | None = None

    def log_in(self, email: str, password: str) -> None:
        """Get a token and send it with later requests."""
        form = {"username": email, "password": password}
        response = self("POST", "/token/", 200, form=form)
        self._token = response["access_token"]

    def __call__(
        self,
        method: str,
        path: str,
        expected: int,
        *,
        body: object = None,
        form: dict[str, str] | None = None,
        shows: tuple[str, ...] = (),
        quietly: bool = False,
    ) -> Any:
        """Send a request and return the response's JSON. Exit if the status is not `expected`."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        content = urlencode(form) if form else json.dumps(body) if body else None
        if content:
            kind = "x-www-form-urlencoded" if form else "json"
            headers["Content-Type"] = f"application/{kind}"
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        if not quietly or response.status != expected:
            shown = [f"{name}: {response.headers[name]}" for name in shows]
            console.print(f"\n[bold]{method} {path}[/]" + (f"  {content}" if content else ""))
            console.print(f"[green]{response.status} {response.reason}[/]", *shown, sep="  ")
            console.print(text)
        if response.status != expected:
            sys.exit(f"demo: expected {expected} from {method} {path}")
        return json.loads(text)


@contextmanager
def throw_away_service() -> Iterator[str]:
    """Run an embedded service on temporary data and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="orders-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the database's user needs access to its subfolder
        # Don't inherit settings that may be meant for other services.
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        settings = {
            "DATA_DIR": f"{folder}/var",
            "PORT": "0",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "console",
        }
        server = subprocess.Popen(  # noqa: S603 - our own command, from the same environment
            [Path(sys.executable).with_name("orders"), "serve"],
            env=kept | settings,
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _url_of(server)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


def _url_of(server: "subprocess.Popen[str]") -> str:
    for line in server.stdout or ():
        if line.split()[:1] == ["API"]:
            return line.split()[1]
    sys.exit("demo: the service did not start")


def main() -> None:
    """Walk through the API."""
    with throw_away_service() as url:
        console.print(f"A throw-away service is ready on {url}")
        call = Caller(url)
        email, password = "ada@example.com", secrets.token_urlsafe(12)
        account = call("POST", "/register/", 201, body={"email": email, "password": password})
        call.log_in(email, password)
        order = call("POST", "/orders/", 201, body=ORDER, shows=("Location", "ETag"))
        path = f"/orders/{order['id']}/"
        call("GET", path, 200, shows=("X-Cache", "ETag"))
        call("PATCH", path, 200, body={"status": "PAID", "reason": "card payment"}, shows=("ETag",))
        call("GET", f"/orders/user/{account['id']}/?limit=10", 200)
        console.print("\nIts processing goes on in the background …")
        deadline = time.monotonic() + 15
        while not call("GET", path, 200, quietly=True)["processed_at"]:
            if time.monotonic() > deadline:
                sys.exit("demo: the order was not processed in time")
            time.sleep(0.1)
        call("GET", path, 200, shows=("X-Cache", "ETag"))
        call("GET", f"{path}history/", 200)
    console.print("\n[bold green]Every response was as promised.[/]")


if __name__ == "__main__":
    main()
