"""Section 6 of the contract: routes for operators."""

from tests.e2e.service import Service


def test_health_is_ok_while_the_process_serves(service: Service) -> None:
    answer = service.http.get("/health/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readiness_reports_the_state_of_each_dependency(service: Service) -> None:
    answer = service.http.get("/health/ready/")
    assert answer.status_code == 200
    report = answer.json()
    assert report["status"] == "ok"
    assert report["checks"]["postgresql"] == "ok"
    assert set(report["checks"].values()) == {"ok"}


def test_a_process_logs_its_configuration_at_its_start(
    staffed_service: Service,
) -> None:
    first = staffed_service.log.splitlines()[0]
    for word in ("serve", "embedded", "in-process", '"status_policy":"staff"'):
        assert word in first
