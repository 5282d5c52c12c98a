"""Ask a running service tens of thousands of strange things, and look at every answer.

    python -m tests.fuzz.fuzz_http --requests 50000 --seed 1
    python -m tests.fuzz.fuzz_http --seed 1 --only 4711

The same seed asks the same; only ids and tokens are the service's own each time.
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
from tests.fuzz.judging import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import Seeds
from tests.fuzz.wire import Answer, Connection, Request

_TOKEN: Final = re.compile(rb"(?<=Bearer )[\w.-]{99,}")


@dataclass(slots=True)
class Report:
    """What was asked, and what was wrong with the answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, request: Request, answer: Answer | None, wrong: list[str]) -> None:
        """Note an answer; of every complaint the first example is kept."""
        self.statuses[answer.status if answer else 0] += 1
        self.complaints.update(wrong)
        for complaint in wrong:
            said = answer.body[:300] if answer else b""
            sent = _TOKEN.sub(b"...", request.encoded())[:1000]
            example = f"--only {number}\n    {sent!r}\n    {said!r}"
            self.examples.setdefault(complaint, example)

    def __str__(self) -> str:
        asked = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        lines = [f"{self.statuses.total()} requests. {asked}"]
        lines += [f"{n} x {what}\n  {self.examples[what]}" for what, n in self.complaints.items()]
        return "\n".join(lines) if self.complaints else f"{lines[0]}\nNothing is wrong."


def request_number(number: int, seed: int, seeds: Seeds) -> Request:
    """The request that has this number, whichever came before it."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
    return mutated(chance, seeds.pick(chance))


def fuzz(service: Service, numbers: Iterable[int], seed: int) -> Report:
    """Send the requests with these numbers."""
    seeds, judge, report = Seeds(service.register()), Judge(), Report()
    connection = Connection(str(service.http.base_url))
    for number in numbers:
        request = request_number(number, seed, seeds)
        answer = connection.ask(request)
        report.add(number, request, answer, list(judge.complaints(request, answer)))
    connection.close()
    return report


def main() -> int:
    """Fuzz a service of our own; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="another seed asks other things")
    parser.add_argument("--only", type=int, help="send the request with this number alone")
    asked = parser.parse_args()
    numbers = range(asked.requests) if asked.only is None else [asked.only]
    with running_service(**NO_LIMITS, PROCESSING_DELAY="0", LOG_LEVEL="WARNING") as service:
        report = fuzz(service, numbers, asked.seed)
        log = service.log
    sys.stdout.write(f"{report}\n")
    if asked.only is not None:
        sys.stdout.write(log)
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
