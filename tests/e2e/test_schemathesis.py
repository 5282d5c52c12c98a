"""Run schemathesis over the whole OpenAPI document. Every response must be documented."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.service import ANSWER_TIMEOUT_SECONDS, Service, User, environment

HERE = Path(__file__).parent


def test_every_response_to_schemathesis_is_documented(service: Service, newcomer: User) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", f"{service.http.base_url}/openapi.json"),
            *("--header", f"Authorization: Bearer {newcomer.token}"),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "5"),
            # How fast examples and responses are depends on the machine.
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
