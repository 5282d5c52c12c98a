"""schemathesis over the whole OpenAPI document: every answer is one that stands in it."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.service import ANSWER_TIMEOUT_SECONDS, Service, User, environment

HERE = Path(__file__).parent


def test_no_request_that_schemathesis_makes_up_has_an_answer_outside_the_document(
    service: Service, ada: User
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", f"{service.http.base_url}/openapi.json"),
            *("--header", f"Authorization: Bearer {ada.token}"),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "10"),
            # How fast examples are made, and answered, is the machine's matter.
            *("--suppress-health-check", "all", "--request-timeout", str(ANSWER_TIMEOUT_SECONDS)),
            *("--generation-deterministic", "--continue-on-failure", "--no-shrink"),
        ],
        cwd=HERE,
        env=environment({"NO_COLOR": "1"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=1_800,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
