"""Failures of PostgreSQL and of its driver, as the service's own errors.

The meaning of a failure is read from its SQLSTATE (PostgreSQL, appendix A), never from its class: a
state that no release of the driver has a class for yet is translated like its kin. A failure
without a state is the driver's or the network's, whatever its class: PostgreSQL is unavailable.
"""

import ssl
from typing import Final

import asyncpg

from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import EmailTaken, OrderServiceError, ReferenceTaken

#: The session may only read: a standby, or a server that its operator has made read-only.
READ_ONLY: Final = "25006"

#: Classes that describe the server, the session or an operator's act, not the statement.
_OF_THE_SERVER: Final = frozenset(
    {
        "08",  # connection exception
        "25",  # invalid transaction state: read-only, ended by a timeout
        "28",  # invalid authorization: the operator's to correct
        "3D",  # no such database: not there yet
        "53",  # insufficient resources
        "55",  # object not in prerequisite state: a lock that was not to be had
        "57",  # operator intervention: shutdown, start, a canceled statement
        "58",  # system error
        "F0",  # configuration file error
        "XX",  # internal error
    }
)
_INTEGRITY: Final = "23"
_CONNECTION: Final = "08"
#: Serialization failure, deadlock: the server has rolled back, and a repetition may succeed.
_ROLLED_BACK: Final = "40"

#: Invalid password, invalid authorization, no such database.
_PERMANENT: Final = frozenset({"28P01", "28000", "3D000"})
#: The driver's words for a server without TLS, which has no class of its own.
_NO_TLS: Final = "rejected SSL upgrade"

#: The meaning of a broken rule, by the name of its constraint.
_MEANING: Final[dict[str, type[OrderServiceError]]] = {
    "users_email_unique": EmailTaken,
    "orders_reference_unique": ReferenceTaken,
}


def is_certainly_undone(error: BaseException) -> bool:
    """Whether a statement that failed so has certainly changed nothing.

    Only an error that the server reports, and survives, is certain: it has rolled the statement
    back. A session that ends (FATAL), or a connection that breaks, may have committed before.
    """
    is_over = getattr(error, "severity_en", None) in {"FATAL", "PANIC"}
    return _class_of(error) not in {"", _CONNECTION} and not is_over


def is_permanent(error: BaseException) -> bool:
    """Whether a connection that failed so will fail again until an operator changes something.

    A wrong password or role, a missing database, TLS that the two ends do not agree on. A driver
    that is given wrong arguments is among them.
    """
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in _PERMANENT
    is_refused_tls = type(error) is ConnectionError and _NO_TLS in str(error)
    kinds = (ssl.SSLCertVerificationError, asyncpg.InterfaceError, ValueError)
    # A name that cannot be encoded is a ValueError; a wrong name may resolve once a server starts.
    return is_refused_tls or isinstance(error, kinds)


def translated(error: Exception, *, may_have_changed: bool) -> Exception:
    """Return the service's error for a failure, or `error` itself if it is a defect of ours.

    `may_have_changed` is whether the failed statement may have changed something for good.
    """
    if isinstance(error, TypeError):  # how we call the driver
        return error
    state = _class_of(error)
    if state == _INTEGRITY:
        return _meaning(error)
    if state == _ROLLED_BACK:
        return ConcurrentUpdate()
    if state and state not in _OF_THE_SERVER:
        return error
    return unavailable(may_have_changed=may_have_changed)


def unavailable(*, may_have_changed: bool) -> Unavailable:
    """Return the error for a server out of reach."""
    return Unavailable(OUTCOME_UNKNOWN if may_have_changed else NOTHING_CHANGED)


def _class_of(error: BaseException) -> str:
    """The class of the SQLSTATE, or nothing if the failure has none."""
    return error.sqlstate[:2] if isinstance(error, asyncpg.PostgresError) else ""


def _meaning(error: Exception) -> Exception:
    meaning = _MEANING.get(getattr(error, "constraint_name", None) or "")
    return meaning() if meaning else error
