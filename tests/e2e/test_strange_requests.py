"""A small run of the fuzzer (docs/fuzzing.md)."""

from tests.e2e.service import Service
from tests.fuzz.fuzz_http import fuzz


def test_five_hundred_strange_requests_get_answers_that_are_documented_and_in_form(
    service: Service,
) -> None:
    report = fuzz(service, range(500), seed=2)
    assert not report.complaints, str(report)
    assert len(report.statuses) > 6
