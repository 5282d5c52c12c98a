"""HTTP clients in several languages complete the whole flow with their default configuration."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import service  # noqa: F401 - a fixture
from tests.e2e.service import ANSWER_TIMEOUT_SECONDS, Service

HERE = Path(__file__).parent
#: The expected output: each step, its status and details of the response.
FLOW = """\
register 201
token 200
create 201
read 200 HIT
patch 200
list 200 next 200
history 200
error 404 order-not-found
"""
CLIENTS = {
    "requests": [sys.executable, "with_requests.py"],
    "java": ["java", "WithHttpClient.java"],
    "curl": ["sh", "curl.sh"],
    "node": ["node", "with_fetch.mjs"],
    "go": ["go", "run", "with_net_http.go"],
}
#: The clients that CI can run. In CI and in `make test-clients`, a missing tool fails the test.
IN_CI = {"requests", "java"}


def command(name: str) -> list[str]:
    """Return the client's command. Skip or fail if its tool is missing."""
    words = CLIENTS[name]
    tool = "curl" if name == "curl" else words[0]
    if shutil.which(tool) is None:
        reason = f"not tested: the client {name} needs {tool}, and there is none"
        is_required = "TEST_CLIENTS" in os.environ or ("CI" in os.environ and name in IN_CI)
        (pytest.fail if is_required else pytest.skip)(reason)
    return words


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_completes_the_whole_flow(
    name: str,
    service: Service,  # noqa: F811 - a fixture
) -> None:
    done = subprocess.run(
        [*command(name), str(service.http.base_url).rstrip("/")],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_TIMEOUT_SECONDS,
    )
    assert done.stdout == FLOW, done.stderr
    assert done.returncode == 0
