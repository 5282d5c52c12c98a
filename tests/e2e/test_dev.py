"""`make dev` restarts the service when its code changes, one process at a time."""

import os
import re
import subprocess
import sys
import tempfile

from tests.e2e.service import ROOT, STOP_TIMEOUT_SECONDS, a_data_dir, environment, eventually


def test_a_code_change_restarts_the_service_gracefully() -> None:
    with a_data_dir() as folder, tempfile.TemporaryFile() as output:
        log = output.fileno()
        dev = subprocess.Popen(
            [sys.executable, "-m", "tools.dev"],
            cwd=ROOT,
            env=environment({"DATA_DIR": str(folder), "PORT": "0"}),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

        def events() -> list[str]:
            text = os.pread(log, 1 << 20, 0).decode()
            return re.findall(r'"event":"(starting|stopping|stopped|The order [^"]*)"', text)

        def touched() -> bool:
            os.utime(ROOT / "migrations/env.py")  # changes only its modification time
            return "stopping" in events()

        ready = "The order service is ready."
        try:
            eventually(lambda: events() == ["starting", ready], within=300)
            eventually(touched, within=300)
            eventually(lambda: events().count(ready) == 2, within=300)
            assert events()[:4] == ["starting", ready, "stopping", "stopped"]
        finally:
            dev.terminate()
            dev.wait(STOP_TIMEOUT_SECONDS)
        eventually(lambda: events()[-1] == "stopped", within=STOP_TIMEOUT_SECONDS)
