"""How PostgreSQL's failures are translated by SQLSTATE, along with network failures."""

import asyncpg
import pytest

from adapters.postgres.failures import is_certainly_undone, translated
from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import EmailTaken, ReferenceTaken


def refusal(sqlstate: str, severity: str = "ERROR", **fields: str) -> asyncpg.PostgresError:
    """Return the driver's exception for this error message from PostgreSQL."""
    dead_letters = {"C": sqlstate, "M": "it says", "S": severity, "V": severity}
    constraint = {"n": fields["constraint"]} if "constraint" in fields else {}
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(dead_letters | constraint)
    return error


@pytest.mark.parametrize(
    "sqlstate",
    [
        "25006",  # read-only
        "25P03",  # idle in a transaction for too long
        "25P04",  # a transaction took too long (PostgreSQL 17)
        "55P03",  # lock not available
        "57014",  # canceled
        "57P01",  # shutdown
        "57P03",  # starting up, or a standby that does not accept sessions
        "57P05",  # idle for too long
        "53300",  # too many connections
        "53100",  # disk full
        "08006",
        "28P01",  # wrong password
        "3D000",  # the database does not exist
        "58030",  # I/O error
        "XX000",
        "XX999",  # not used by PostgreSQL yet
    ],
)
def test_failure_of_the_server_is_unavailable(sqlstate: str) -> None:
    failure = translated(refusal(sqlstate), may_have_changed=False)
    assert (type(failure), str(failure)) == (Unavailable, NOTHING_CHANGED)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("got no answer"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
        asyncpg.TargetServerAttributeNotMatched("read-write"),
        AssertionError("of some library"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failure_without_a_state_is_unavailable(error: Exception) -> None:
    failure = translated(error, may_have_changed=True)
    assert (type(failure), str(failure)) == (Unavailable, OUTCOME_UNKNOWN)
    assert not is_certainly_undone(error)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_rollback_for_another_transaction_is_a_concurrent_update(sqlstate: str) -> None:
    failure = translated(refusal(sqlstate), may_have_changed=False)
    assert isinstance(failure, ConcurrentUpdate)
    assert is_certainly_undone(refusal(sqlstate))


@pytest.mark.parametrize("sqlstate", ["22012", "42601", "42501", "0A000", "23514", "23505"])
def test_wrong_statement_is_a_bug(sqlstate: str) -> None:
    error = refusal(sqlstate, constraint="something")
    assert translated(error, may_have_changed=False) is error
    assert is_certainly_undone(error)


def test_wrong_call_of_the_driver_is_a_bug() -> None:
    error = TypeError("execute() takes 2 positional arguments")
    assert translated(error, may_have_changed=False) is error


@pytest.mark.parametrize(
    ("constraint", "meaning"),
    [("users_email_unique", EmailTaken), ("orders_reference_unique", ReferenceTaken)],
)
def test_violated_constraint_is_a_domain_error(constraint: str, meaning: type[Exception]) -> None:
    error = refusal("23505", constraint=constraint)
    assert type(translated(error, may_have_changed=False)) is meaning


@pytest.mark.parametrize(
    "error",
    [refusal("57P01", "FATAL"), refusal("57P02", "PANIC"), refusal("08006")],
    ids=lambda error: f"{error.sqlstate} {error.severity_en}",
)
def test_statement_that_ended_its_session_may_have_committed(error: Exception) -> None:
    assert not is_certainly_undone(error)


@pytest.mark.parametrize("sqlstate", ["25006", "57014", "55P03", "53100"])
def test_failed_statement_in_a_surviving_session_was_rolled_back(sqlstate: str) -> None:
    assert is_certainly_undone(refusal(sqlstate))
