"""A short run of the fuzzer (docs/fuzzing.md)."""

import socket
from urllib.parse import urlsplit

from tests.e2e.service import Service, eventually
from tests.fuzz.fuzz_http import fuzz


def test_responses_to_a_thousand_mutated_requests_of_every_role_are_valid(
    service: Service,
) -> None:
    report = fuzz(service, range(1_000), seed=2)
    assert not report.complaints, str(report)
    roles = {"anonymous", "user", "other user", "staff", "machine client"}
    assert report.statuses.keys() - {"disposable user"} == roles
    assert all(len(report.statuses[role]) > 6 for role in roles)


def test_a_client_that_disconnects_within_its_body_is_logged_as_400(
    service: Service,
) -> None:
    url = urlsplit(str(service.http.base_url))
    request_id = "gone-in-the-middle"
    head = (
        "POST /register/ HTTP/1.1\r\nHost: orders\r\nContent-Type: application/json\r\n"
        f"X-Request-Id: {request_id}\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(head.encode() + b'{"email": ')

    def lines() -> list[str]:
        return [line for line in service.log.splitlines(keepends=True) if request_id in line]

    eventually(lambda: any(line.endswith("\n") for line in lines()))
    [line] = lines()
    assert '"status":400' in line.replace(" ", "")
