"""Find or install wrk, generate its script, run it and parse its output."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.bench.errors import BenchError

_INSTALL: Final = (
    "The benchmark needs wrk: install it (Debian: apt-get install wrk; macOS: brew install wrk)."
)
_MARK: Final = "figures "
WARM_UP_SECONDS: Final = 1

# Send prepared requests in turn.
_SCRIPT: Final = """
local paths = {%(paths)s}
local ready = {}
local turn = 0

function init(arguments)
  for number, path in ipairs(paths) do
    ready[number] = wrk.format(%(method)s, path, {%(headers)s}, %(body)s)
  end
end

function request()
  turn = turn %% #ready + 1
  return ready[turn]
end
%(delay)s
"""

#: Ends each script: print a line of figures.
DONE: Final = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nMARK{"requests":%d,"us":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
""".replace("MARK", _MARK)


# Pauses of equal length would synchronize the connections.
_DELAY: Final = """
function delay()
  return math.random(0, 2 * %d)
end
"""


# Add a new idempotency key to each request. It consists of the run's own prefix and a number, which
# are inserted into a prepared request, because formatting each request would slow wrk down.
_KEYS: Final = """
local before, after
local sent = 0

function init(arguments)
  local headers = {%(headers)s}
  headers["Idempotency-Key"] = arguments[1]
  local whole = wrk.format(%(method)s, paths[1], headers, %(body)s)
  local _, last = whole:find(arguments[1], 1, true)
  before, after = whole:sub(1, last), whole:sub(last + 1)
end

function request()
  sent = sent + 1
  return before .. sent .. after
end
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A method and a body, sent to each path in turn.

    `pause` is how many milliseconds a connection waits before each request, on average. If
    `has_keys` is set, each request goes to the first path and has an idempotency key of its own.
    """

    url: str
    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    pause: int = 0
    has_keys: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a wrk run. Latencies are in milliseconds."""

    per_second: float
    p50: float
    p99: float
    requests: int


def ensure_wrk() -> None:
    """Check that wrk is installed. On Debian, install it if running as root.

    Raises:
        BenchError: wrk is missing. The message contains the package's name.
    """
    if shutil.which("wrk"):
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        for words in (("update",), ("install", "--yes", "--no-install-recommends", "wrk")):
            subprocess.run([apt, "-qq", *words], check=False, capture_output=True)  # noqa: S603
    if not shutil.which("wrk"):
        raise BenchError(_INSTALL)


def measure(work: Work, folder: Path, seconds: int, connections: int = 32) -> Measured:
    """Warm up the server for one second, then send requests for `seconds`.

    Raises:
        BenchError: the server has rejected requests or closed connections.
    """
    send(work, folder, WARM_UP_SECONDS, connections)
    return send(work, folder, seconds, connections)


def send(work: Work, folder: Path, seconds: int, connections: int = 32) -> Measured:
    """Send requests for `seconds`.

    Raises:
        BenchError: the server has rejected requests or closed connections.
    """
    return run_script(script_of(work), work.url, folder, seconds, connections)


def run_script(
    script: str, url: str, folder: Path, seconds: int, connections: int = 32
) -> Measured:
    """Send the requests of a Lua script for `seconds`.

    Raises:
        BenchError: the server has rejected requests or closed connections.
    """
    file = folder / "work.lua"
    file.write_text(script, encoding="utf-8")
    return figures_of(_run(file, url, seconds, connections))


def _run(script: Path, url: str, seconds: int, connections: int) -> str:
    words = [
        "wrk",
        "--timeout",
        "10s",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        str(script),
        url,
        "--",
        secrets.token_hex(8),
    ]
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def script_of(work: Work) -> str:
    """Return the Lua script for a workload."""
    values = {
        "paths": ",".join(map(lua_string, work.paths)),
        "method": lua_string(work.method),
        "headers": lua_headers(work),
        "body": lua_string(work.body) if work.body else "nil",
        "delay": _DELAY % work.pause if work.pause else "",
    }
    return _SCRIPT % values + (_KEYS % values if work.has_keys else "") + DONE


def lua_headers(work: Work) -> str:
    """Return the fields of a Lua table with the workload's headers."""
    return ",".join(
        f"[{lua_string(name)}]={lua_string(value)}" for name, value in work.headers.items()
    )


def lua_string(text: str) -> str:
    """Return `text` as a Lua string literal."""
    return (
        '"'
        + "".join(
            f"\\{byte:03d}" if byte in b'"\\\r\n' or byte > 126 else chr(byte)
            for byte in text.encode()
        )
        + '"'
    )


def figures_of(output: str) -> Measured:
    """Parse wrk's output.

    Raises:
        BenchError: the output doesn't contain any figures, or it reports failures.
    """
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise BenchError(f"wrk printed no figures: {output.strip()}")
    seen = json.loads(line.removeprefix(_MARK))
    if not seen["requests"]:
        raise BenchError("not one request was answered")
    if seen["refused"] or seen["broken"]:
        raise BenchError(
            f"of {seen['requests']} requests {seen['refused']} were refused,"
            f" and {seen['broken']} connections broke"
        )
    return Measured(
        per_second=seen["requests"] * 1_000_000 / seen["us"],
        p50=seen["p50"] / 1000,
        p99=seen["p99"] / 1000,
        requests=seen["requests"],
    )
