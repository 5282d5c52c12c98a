"""wrk: found or installed, told what to send, and its answer read."""

import json
import os
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

# One request after the other, all of them ready before the first is sent; at the end one line.
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
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n%(mark)s{"requests":%%d,"us":%%d,"p50":%%d,"p99":%%d,"refused":%%d,"broken":%%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


# Pauses of equal length would keep all connections in step.
_DELAY: Final = """
function delay()
  return math.random(0, 2 * %d)
end
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What is sent over and over: one method and body, to each of the paths in turn.

    Before each request a connection pauses for so many milliseconds on the average.
    """

    url: str
    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    pause: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of wrk saw; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float


def ensure_wrk() -> None:
    """See that wrk is here; root on Debian gets it.

    Raises:
        BenchError: it is not, with what to install.
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
    """Load the server for a second that does not count, and then for `seconds`.

    Raises:
        BenchError: the server refused, or broke a connection.
    """
    script = folder / "work.lua"
    script.write_text(script_of(work), encoding="utf-8")
    _run(script, work.url, 1, connections)
    return figures_of(_run(script, work.url, seconds, connections))


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
    ]
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def script_of(work: Work) -> str:
    """The Lua that makes wrk do this work."""
    headers = (f"[{_lua(name)}]={_lua(value)}" for name, value in work.headers.items())
    return _SCRIPT % {
        "paths": ",".join(map(_lua, work.paths)),
        "method": _lua(work.method),
        "headers": ",".join(headers),
        "body": _lua(work.body) if work.body else "nil",
        "delay": _DELAY % work.pause if work.pause else "",
        "mark": _MARK,
    }


def _lua(text: str) -> str:
    """`text` as a literal of Lua, whatever it holds."""
    return (
        '"'
        + "".join(
            f"\\{byte:03d}" if byte in b'"\\\r\n' or byte > 126 else chr(byte)
            for byte in text.encode()
        )
        + '"'
    )


def figures_of(output: str) -> Measured:
    """What wrk printed, read.

    Raises:
        BenchError: it is not what a sound run prints.
    """
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise BenchError(f"wrk did not say what it saw: {output.strip()}")
    seen = json.loads(line.removeprefix(_MARK))
    if not seen["requests"]:
        raise BenchError("not one request was answered")
    if seen["refused"] or seen["broken"]:
        raise BenchError(
            f"of {seen['requests']} requests {seen['refused']} were refused,"
            f" and {seen['broken']} connections broke"
        )
    return Measured(
        seen["requests"] * 1_000_000 / seen["us"], seen["p50"] / 1000, seen["p99"] / 1000
    )
