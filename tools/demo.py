"""`make demo`: a throw-away service, and an order's whole way through it.

register → token → create → read (from the cache) → PATCH → list → processed; exits 0 where every
answer was the one that the contract promises.
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
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
ORDER = {
    "items": [
        {"product_id": "tea-250", "name": "Green tea", "quantity": 2, "price": 9.95},
        {"name": "Cup", "quantity": 1, "price": "4.10", "attributes": {"color": "white"}},
    ],
    "total_price": 24,
    "reference": "demo-1",
}


class Caller:
    """Sends requests, showing each and its answer."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        self._token: str | None = None

    def log_in(self, email: str, password: str) -> None:
        """Get a token, and send it from now on."""
        form = {"username": email, "password": password}
        answer = self("POST", "/token/", 200, form=form)
        self._token = answer["access_token"]

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
        """Send a request; its answer's JSON. Ends the demo where the status is not `expected`."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        content = urlencode(form) if form else json.dumps(body) if body else None
        if content:
            kind = "x-www-form-urlencoded" if form else "json"
            headers["Content-Type"] = f"application/{kind}"
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if not quietly or answer.status != expected:
            shown = [f"{name}: {answer.headers[name]}" for name in shows]
            console.print(f"\n[bold]{method} {path}[/]" + (f"  {content}" if content else ""))
            console.print(f"[green]{answer.status} {answer.reason}[/]", *shown, sep="  ")
            console.print(text)
        if answer.status != expected:
            sys.exit(f"demo: expected {expected} from {method} {path}")
        return json.loads(text)


@contextmanager
def throw_away_service() -> Iterator[str]:
    """The URL of an embedded service whose data goes when the demo ends."""
    with tempfile.TemporaryDirectory(prefix="orders-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the database's own user must reach what is its own below
        # Only what a program needs: no setting of another service may reach this one.
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        settings = {
            "DATA_DIR": f"{folder}/var",
            "PORT": "0",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "console",
        }
        server = subprocess.Popen(  # noqa: S603 - our own command, beside this interpreter
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
    console.print("\n[bold green]Every answer was as promised.[/]")


if __name__ == "__main__":
    main()
