"""Translate failures of PostgreSQL and of its driver to the service's own errors.

The SQLSTATE of a failure decides (PostgreSQL, appendix A), not its Python class, since a driver may
have no class for a new state. A failure without a SQLSTATE comes from the driver or the network,
and means that PostgreSQL is unavailable.
"""

import ssl
from typing import Final

import asyncpg

from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import EmailTaken, OrderServiceError, ReferenceTaken

#: The session is read-only: the server is a standby, or was made read-only.
READ_ONLY: Final = "25006"

#: Classes of failures that come from the server, the session or an operator, not the statement.
_SERVER_CLASSES: Final = frozenset(
    {
        "08",  # connection exception
        "25",  # invalid transaction state: read-only, ended by a timeout
        "28",  # invalid authorization
        "3D",  # no such database, so far
        "53",  # insufficient resources
        "55",  # object not in prerequisite state: a lock that is not available
        "57",  # operator intervention: shutdown, start, a canceled statement
        "58",  # system error
        "F0",  # configuration file error
        "XX",  # internal error
    }
)
_INTEGRITY: Final = "23"
_CONNECTION: Final = "08"
#: Serialization failure or deadlock: the server has rolled back, and a retry may succeed.
_ROLLED_BACK: Final = "40"

#: Invalid password, invalid authorization, no such database.
_PERMANENT: Final = frozenset({"28P01", "28000", "3D000"})
#: From the driver's message about a server without TLS, whose exception has no class of its own.
_NO_TLS: Final = "rejected SSL upgrade"

#: The domain's error for each constraint.
_CONSTRAINTS: Final[dict[str, type[OrderServiceError]]] = {
    "users_email_unique": EmailTaken,
    "orders_reference_unique": ReferenceTaken,
}


def is_certainly_undone(error: BaseException) -> bool:
    """Whether a statement with this failure has certainly changed nothing.

    Only an error that the server reports in a session that goes on is certain: the statement was
    rolled back. A session that ended (FATAL) or a broken connection may have committed before.
    """
    is_over = getattr(error, "severity_en", None) in {"FATAL", "PANIC"}
    return _class_of(error) not in {"", _CONNECTION} and not is_over


def is_permanent(error: BaseException) -> bool:
    """Whether connecting will fail in the same way until an operator changes something.

    These are a wrong password or role, a missing database, TLS on which the two ends do not agree,
    and wrong arguments of the driver.
    """
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in _PERMANENT
    is_refused_tls = type(error) is ConnectionError and _NO_TLS in str(error)
    kinds = (ssl.SSLCertVerificationError, asyncpg.InterfaceError, ValueError)
    # A host name that cannot be encoded is a ValueError; an unknown one may resolve later.
    return is_refused_tls or isinstance(error, kinds)


def translated(error: Exception, *, may_have_changed: bool) -> Exception:
    """Return the service's error for a failure, or `error` itself if it is a bug.

    `may_have_changed` is whether the failed statement may have changed something for good.
    """
    if isinstance(error, TypeError):  # a wrong call of the driver
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
    """Return the error for a server that cannot be reached."""
    return Unavailable(OUTCOME_UNKNOWN if may_have_changed else NOTHING_CHANGED)


def _class_of(error: BaseException) -> str:
    """Return the class of the SQLSTATE, or an empty text if the failure has none."""
    return error.sqlstate[:2] if isinstance(error, asyncpg.PostgresError) else ""


def _integrity_error(error: Exception) -> Exception:
    kind = _CONSTRAINTS.get(getattr(error, "constraint_name", None) or "")
    return kind() if kind else error
