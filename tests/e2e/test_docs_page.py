import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.row import ProblemRow
from tests.e2e.assertions import assert_problem
from tests.e2e.service import PASSWORD, Service, an_email

STRICT: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Keep the browser from resolving any other host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
INSTALL_TIMEOUT_SECONDS: Final = 900.0
#: In milliseconds. Generous because the machine may be busy.
TIMEOUT_MS: Final = 120_000.0


def policy(header: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


# --- Pages as sent by the server


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/problems/order-not-found"])
def test_a_page_loads_nothing_from_other_hosts(service: Service, path: str) -> None:
    answer = service.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    [sent] = answer.headers.get_list("content-security-policy")
    assert policy(sent) == STRICT
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(src|href)=\"(?!/)|<style|<script(?! defer src)", answer.text)


def test_the_files_of_a_page_are_immutable_and_versioned(service: Service) -> None:
    files = re.findall(
        r'(?:src|href)="(/docs/[a-z-]+\.[0-9a-f]{12}\.[a-z]+)"', service.http.get("/docs").text
    )
    assert len(files) == 5
    for file in files:
        answer = service.http.get(file)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
        assert answer.headers["content-type"].startswith(kind[file.rpartition(".")[2]])


@pytest.mark.parametrize("path", ["/docs/nothing.js", "/docs/..%2Fdocs.py", "/problems/nothing"])
def test_an_unknown_page_is_404(service: Service, path: str) -> None:
    assert_problem(service.http.get(path), 404, "not-found")


def test_the_served_document_equals_the_printed_one(service: Service) -> None:
    answer = service.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == service.run("openapi").stdout


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.code)
def test_every_problem_has_a_page(service: Service, row: ProblemRow) -> None:
    page = service.http.get(f"/problems/{row.code}")
    assert page.status_code == 200
    assert f"<code>{row.code}</code>" in page.text
    assert str(row.status) in page.text


# --- A browser


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Run the machine's Chromium or Chrome, headless and with its own profile.

    The test is skipped if there is no browser. In CI, Debian's Chromium is installed first, and a
    missing browser fails the test.
    """
    if os.environ.get("CI") and installed_browser() is None:
        install_browser()
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error as error:
            skip_or_fail(error.message.splitlines()[0])
        with browser:
            yield browser


def installed_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def launch(playwright: Playwright) -> Browser:
    if path := installed_browser():
        return playwright.chromium.launch(
            executable_path=path, args=BROWSER_FLAGS, timeout=TIMEOUT_MS
        )
    return playwright.chromium.launch(channel="chrome", args=BROWSER_FLAGS, timeout=TIMEOUT_MS)


def install_browser() -> None:
    """Install Debian's Chromium if this is Debian and we are root."""
    if os.geteuid() or not shutil.which("apt-get"):
        return
    packages = ["chromium", "fonts-dejavu-core"]
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-q", "-o", "Acquire::Retries=5", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            skip_or_fail(f"apt-get: {done.stderr.strip().rpartition(chr(10))[2]}")


def skip_or_fail(reason: str) -> NoReturn:
    message = f"no browser to test against: install {BROWSERS[0]} ({reason})"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


# --- Swagger UI, in a browser


class Visit:
    """A visited page, its requests and its error messages."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.requested: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._record_error)

    def _record_error(self, message: ConsoleMessage) -> None:
        # Swagger UI warns about spaces in deep links for every underscore in an operation's name.
        if message.type == "error" and "deep link whitespace" not in message.text:
            self.errors.append(message.text)

    @property
    def foreign_requests(self) -> list[str]:
        """All requests to other hosts."""
        return [url for url in self.requested if not url.startswith((f"{self.origin}/", "data:"))]

    def open(self, path: str) -> None:
        self.page.goto(f"{self.origin}{path}")

    def authorize(self, username: str, password: str) -> None:
        """Log in with the page's form, which sends the same requests as an OAuth2 client."""
        self.page.get_by_role("button", name="Authorize", exact=True).click()
        self.page.get_by_label("username:").fill(username)
        self.page.get_by_label("password:").fill(password)
        # The form for accounts comes before the one for machine clients.
        self.page.get_by_role("button", name="Apply given OAuth2 credentials").first.click()

    def try_out(self, operation: str) -> Locator:
        """Send an operation's example request and return the table with its response."""
        block = self.page.locator(f"[id$='-{operation}']")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        return block.locator(".live-responses-table")


@pytest.fixture
def visit(service: Service) -> Iterator[Visit]:
    with a_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        yield Visit(page, str(service.http.base_url).rstrip("/"))


expect.set_options(timeout=TIMEOUT_MS)


def test_a_user_places_an_order_on_the_page_without_requests_to_other_hosts(
    service: Service, visit: Visit
) -> None:
    email = an_email()
    registered = service.http.post("/register/", json={"email": email, "password": PASSWORD})
    assert registered.status_code == 201

    visit.open("/docs")
    expect(visit.page).to_have_title("Order management service: the API")
    expect(visit.page.locator(".opblock")).to_have_count(len(operations(service)))
    visit.authorize(email, PASSWORD)
    expect(visit.page.get_by_role("button", name="Remove authorization")).to_be_visible()
    visit.page.get_by_role("button", name="Close", exact=True).first.click()

    placed = visit.try_out("create_order")
    expect(placed.locator(".response-col_status").nth(1)).to_contain_text("201")
    expect(placed).to_contain_text('"PENDING"')

    account = visit.try_out("read_account")
    expect(account.locator(".response-col_status").nth(1)).to_contain_text("200")
    expect(account).to_contain_text(email)

    visit.open("/problems/illegal-transition")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(
        "The order's lifecycle does not allow this change"
    )
    assert f"{visit.origin}/token/" in visit.requested
    assert f"{visit.origin}/orders/" in visit.requested
    assert visit.foreign_requests == []
    assert visit.errors == []
    # Check the check: the browser does report requests that violate the policy.
    with visit.page.expect_console_message(
        lambda message: "Content Security Policy" in message.text
    ):
        visit.page.evaluate("fetch('http://stranger.example/').catch(() => null)")


def test_an_operation_is_folded_and_the_page_follows_the_theme(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark")
    visit.open("/docs")
    root = visit.page.locator("html")
    expect(root).to_have_class("dark-mode")
    visit.page.emulate_media(color_scheme="light")
    expect(root).not_to_have_class("dark-mode")

    block = visit.page.locator("[id$='-create_order']")
    block.locator(".opblock-summary-control").click()
    refusal = block.get_by_role("button", name="409")
    expect(refusal).to_be_visible()
    box = block.bounding_box()
    assert box is not None
    # In pixels. With all problems unfolded, the height is 7000.
    assert box["height"] < 3500
    expect(block.get_by_text("/problems/reference-taken")).to_have_count(0)
    refusal.click()
    expect(block.get_by_text("/problems/reference-taken")).to_be_visible()


def operations(service: Service) -> list[str]:
    """Return the names of all operations in the document."""
    paths = json.loads(service.http.get("/openapi.json").text)["paths"]
    return [each["operationId"] for path in paths.values() for each in path.values()]
