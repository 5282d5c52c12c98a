"""Send thousands of mutated requests to a running service and check every response.

    python -m tests.fuzz.fuzz_http --requests 50000 --seed 1
    python -m tests.fuzz.fuzz_http --seed 1 --only 4711

The same seed always sends the same requests, except for ids and tokens from the service.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.e2e.service import NO_LIMITS, Service, running_service
from tests.fuzz.judge import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import Seeds
from tests.fuzz.wire import Answer, Connection, Request

_TOKEN: Final = re.compile(rb"(?<=Bearer )[\w.-]{99,}")


@dataclass(slots=True)
class Report:
    """The number of responses for each status, and all complaints."""

    statuses: Counter[int] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, request: Request, answer: Answer | None, wrong: list[str]) -> None:
        """Record a response. Keep the first example of each complaint."""
        self.statuses[answer.status if answer else 0] += 1
        self.complaints.update(wrong)
        for complaint in wrong:
            received = answer.body[:300] if answer else b""
            sent = _TOKEN.sub(b"...", request.encoded())[:1000]
            example = f"--only {number}\n    {sent!r}\n    {received!r}"
            self.examples.setdefault(complaint, example)

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        lines = [f"{self.statuses.total()} requests. {statuses}"]
        lines += [
            f"{n} x {complaint}\n  {self.examples[complaint]}"
            for complaint, n in self.complaints.items()
        ]
        return "\n".join(lines) if self.complaints else f"{lines[0]}\nNothing is wrong."


def request_number(number: int, seed: int, seeds: Seeds) -> Request:
    """Return the request with this number. It doesn't depend on earlier requests."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    return mutated(chance, seeds.pick(chance))


def fuzz(service: Service, numbers: Iterable[int], seed: int) -> Report:
    """Send the requests with these numbers."""
    seeds, judge, report = Seeds(service.register()), Judge(), Report()
    connection = Connection(str(service.http.base_url))
    for number in numbers:
        request = request_number(number, seed, seeds)
        answer = connection.send(request)
        report.add(number, request, answer, list(judge.complaints(request, answer)))
    connection.close()
    return report


def main() -> int:
    """Fuzz a temporary service. Return 1 if there are any complaints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="another seed sends other requests")
    parser.add_argument("--only", type=int, help="send the request with this number alone")
    options = parser.parse_args()
    numbers = range(options.requests) if options.only is None else [options.only]
    with running_service(**NO_LIMITS, PROCESSING_DELAY="0", LOG_LEVEL="WARNING") as service:
        report = fuzz(service, numbers, options.seed)
        log = service.log
    sys.stdout.write(f"{report}\n")
    if options.only is not None:
        sys.stdout.write(log)
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
