"""Send thousands of mutated requests to a running service and check every response.

    python -m tests.fuzz.fuzz_http --requests 50000 --seed 1
    python -m tests.fuzz.fuzz_http --seed 1 --only 4711

The requests come from clients of every role. The same seed always sends the same requests, except
for ids and tokens from the service.
"""

import argparse
import json
import re
import secrets
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from entrypoints.http.openapi.committed import committed_text
from tests.e2e.service import NO_LIMITS, Service, running_service
from tests.fuzz.actors import actors_of
from tests.fuzz.judge import Judge
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import Seeds
from tests.fuzz.wire import Answer, Connection, Request

#: How often clients whose session has ended log in again, in requests.
_CHECK_SESSIONS: Final = 100
#: A run with this many requests must have a success of every operation.
LONG_RUN: Final = 50_000
_TOKEN: Final = re.compile(rb"(?<=Bearer )[\w.-]{99,}")


@dataclass(slots=True)
class Report:
    """The number of responses for each role and status, and all complaints."""

    seed: int
    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    complaints: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    #: The operations without a successful response so far.
    unsuccessful: set[str] = field(default_factory=set)

    def add(self, number: int, request: Request, answer: Answer | None, wrong: list[str]) -> None:
        """Record a response. Keep the first example of each complaint."""
        self.statuses[request.role][answer.status if answer else 0] += 1
        self.complaints.update(wrong)
        for complaint in wrong:
            received = answer.body[:300] if answer else b""
            sent = _TOKEN.sub(b"...", request.encoded())[:1000]
            example = f"--seed {self.seed} --only {number}\n    {sent!r}\n    {received!r}"
            self.examples.setdefault(complaint, example)

    @property
    def total(self) -> int:
        """The number of requests."""
        return sum(each.total() for each in self.statuses.values())

    @property
    def is_faulty(self) -> bool:
        """Whether anything is wrong. In a long run, this includes an operation without success."""
        return bool(self.complaints or (self.total >= LONG_RUN and self.unsuccessful))

    def __str__(self) -> str:
        return "\n".join([f"{self.total} requests with the seed {self.seed}.", *self._lines()])

    def _lines(self) -> Iterator[str]:
        for role, statuses in self.statuses.items():
            yield f"{role}: " + ", ".join(
                f"{status}: {n}" for status, n in sorted(statuses.items())
            )
        if self.unsuccessful:
            yield f"Without a success: {', '.join(sorted(self.unsuccessful))}."
        for complaint, n in self.complaints.items():
            yield f"{n} x {complaint}\n  {self.examples.get(complaint, '')}"
        if not self.complaints:
            yield "Nothing is wrong."


def request_number(number: int, seed: int, seeds: Seeds) -> Request:
    """Return the request with this number. It doesn't depend on earlier requests."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    return mutated(chance, seeds.pick(chance))


def fuzz(service: Service, numbers: Iterable[int], seed: int) -> Report:
    """Send the requests with these numbers."""
    actors, document = actors_of(service), json.loads(committed_text())
    seeds, judge = Seeds(service, actors, document), Judge(document, actors.owner.id)
    report = Report(seed, unsuccessful=set(judge.contract.operations))
    connection = Connection(str(service.http.base_url))
    for sent, number in enumerate(numbers):
        if sent % _CHECK_SESSIONS == 0:
            actors.log_in_again(service)
            actors.replace_closed(service)
        request = request_number(number, seed, seeds)
        answer = connection.send(request)
        report.add(number, request, answer, list(judge.complaints(request, answer)))
        if answer and answer.status < 400:
            report.unsuccessful.discard(judge.contract.operation(request))
    connection.close()
    return report


def main() -> int:
    """Fuzz a temporary service. Return 1 if there are any complaints.

    In a long run, an operation without a successful response is one too.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000, help="how many")
    parser.add_argument("--seed", type=int, help="repeat the run with this seed; random by default")
    parser.add_argument("--only", type=int, help="send the request with this number alone")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    sys.stdout.write(f"--seed {seed}\n")
    sys.stdout.flush()
    numbers = range(options.requests) if options.only is None else [options.only]
    with running_service(**NO_LIMITS, PROCESSING_DELAY="0", LOG_LEVEL="WARNING") as service:
        report = fuzz(service, numbers, seed)
        log = service.log
    sys.stdout.write(f"{report}\n")
    if options.only is not None:
        sys.stdout.write(log)
    return 1 if report.is_faulty else 0


if __name__ == "__main__":
    sys.exit(main())
