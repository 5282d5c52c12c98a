"""`python -m tools.bench`: measure, and print tables."""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.servers.server import Unavailable
from tools.bench.errors import BenchError
from tools.bench.processes import exit_on_sigterm
from tools.bench.progress import Steps
from tools.bench.suite import Bench
from tools.bench.wrk import ensure_wrk

#: What can be measured, by name.
_PARTS: Final[Mapping[str, Callable[[Bench], None]]] = {
    "all": Bench.run,
    "check": Bench.run_check,
    "scale": Bench.run_scale,
    "outbox": Bench.run_outbox,
    "replicas": Bench.run_replicas,
    "crud": Bench.run_crud,
    "keys": Bench.run_keys,
    "background": Bench.run_background,
}


def options_of(arguments: Sequence[str]) -> Namespace:
    """Parse the command-line arguments."""
    parser = ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=_PARTS,
        help="all (the default), check (compare with the record), scale (growing numbers of"
        " orders), outbox (a day of the outbox), replicas (several processes), crud (HttpArena's"
        " mix), keys (idempotency keys), or background (one role at a time)",
    )
    parser.add_argument("--seconds", type=int, default=2, help="length of a measurement")
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--record", action="store_true", help="all: save ratios and picture")
    parser.add_argument("--sizes", type=int, default=4, help="scale: how many sizes, at most 4")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds, options.rounds = 2, 1
    if options.seconds < 1 or options.rounds < 1 or options.sizes < 1:
        parser.error("--seconds, --rounds and --sizes are at least 1")
    return options


def main() -> None:
    """Run the benchmark. If it fails, exit with a message."""
    options = options_of(sys.argv[1:])
    exit_on_sigterm()
    try:
        ensure_wrk()
        with (
            tempfile.TemporaryDirectory(prefix="orders-bench-", ignore_cleanup_errors=True) as name,
            Steps() as steps,
        ):
            folder = Path(name)
            folder.chmod(0o755)  # the embedded database's user needs access to its subfolder
            _PARTS[options.part](Bench(options, folder, steps))
    except (BenchError, Unavailable) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
