"""Translate errors from PostgreSQL and its driver to the service's own errors.

The translation is based on the SQLSTATE (see appendix A of PostgreSQL's documentation) instead of
the Python class, because the driver may not have a class for every new state. Errors without a
SQLSTATE come from the driver or the network and mean that PostgreSQL is unavailable.
"""

import ssl
from typing import Final

import asyncpg

from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import ClientNameTaken, EmailTaken, OrderServiceError, ReferenceTaken

#: The session is read-only because the server is a standby or has been made read-only.
READ_ONLY: Final = "25006"

#: Error classes that are caused by the server, the session or an operator, not by the statement.
_SERVER_CLASSES: Final = frozenset(
    {
        "08",  # connection exception
        "25",  # invalid transaction state, for example read-only or ended by a timeout
        "28",  # invalid authorization
        "3D",  # the database does not exist (yet)
        "53",  # insufficient resources
        "55",  # object not in prerequisite state, for example a lock that is not available
        "57",  # operator intervention, for example shutdown, startup or a canceled statement
        "58",  # system error
        "F0",  # configuration file error
        "XX",  # internal error
    }
)
_INTEGRITY: Final = "23"
_CONNECTION: Final = "08"
#: A serialization failure or a deadlock. The server has rolled back, and a retry may succeed.
_ROLLED_BACK: Final = "40"

#: Invalid password, invalid authorization, and missing database.
_PERMANENT: Final = frozenset({"28P01", "28000", "3D000"})
#: Part of the driver's message for servers without TLS, which doesn't have its own exception class.
_NO_TLS: Final = "rejected SSL upgrade"

#: The domain's errors by constraint.
_CONSTRAINTS: Final[dict[str, type[OrderServiceError]]] = {
    "users_email_unique": EmailTaken,
    "clients_name_unique": ClientNameTaken,
    "orders_reference_unique": ReferenceTaken,
    # Another transaction has added the same message after the statement's snapshot.
    "inbox_pkey": ConcurrentUpdate,
}


def is_certainly_undone(error: BaseException) -> bool:
    """Return whether it's certain that a failed statement didn't change anything.

    This is only certain if the server reports an error and the session continues, because then the
    statement was rolled back. If the session has ended (FATAL) or the connection is broken, the
    statement may have been committed before.
    """
    is_over = getattr(error, "severity_en", None) in {"FATAL", "PANIC"}
    return _class_of(error) not in {"", _CONNECTION} and not is_over


def is_permanent(error: BaseException) -> bool:
    """Return whether connecting will keep failing until an operator changes something.

    This is the case for a wrong password or role, a missing database, incompatible TLS settings and
    wrong arguments to the driver.
    """
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in _PERMANENT
    is_refused_tls = type(error) is ConnectionError and _NO_TLS in str(error)
    kinds = (ssl.SSLCertVerificationError, asyncpg.InterfaceError, ValueError)
    # A ValueError means that a host name can't be encoded. Unknown hosts may be resolved later.
    return is_refused_tls or isinstance(error, kinds)


def translated(error: Exception, *, may_have_changed: bool) -> Exception:
    """Return the service's own error for a failure, or `error` itself if it's a bug.

    Set `may_have_changed` to True if the failed statement may have made a permanent change.
    """
    if isinstance(error, TypeError):  # the driver was called incorrectly
        return error
    state = _class_of(error)
    if state == _INTEGRITY:
        return _integrity_error(error)
    if state == _ROLLED_BACK:
        return ConcurrentUpdate()
    if state and state not in _SERVER_CLASSES:
        return error
    return unavailable(may_have_changed=may_have_changed)


def unavailable(*, may_have_changed: bool) -> Unavailable:
    """Return the error for an unreachable server."""
    return Unavailable(OUTCOME_UNKNOWN if may_have_changed else NOTHING_CHANGED)


def _class_of(error: BaseException) -> str:
    """Return the class of the error's SQLSTATE, or an empty string if it doesn't have one."""
    return error.sqlstate[:2] if isinstance(error, asyncpg.PostgresError) else ""


def _integrity_error(error: Exception) -> Exception:
    kind = _CONSTRAINTS.get(getattr(error, "constraint_name", None) or "")
    return kind() if kind else error
