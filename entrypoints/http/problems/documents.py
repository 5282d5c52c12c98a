"""Problem documents (RFC 9457)."""

from domain.errors import FieldError, IllegalTransition, Invalid, OrderServiceError
from entrypoints.http.errors import HeaderError, ParameterError
from entrypoints.http.messages.schemas import Problem, ProblemFault
from entrypoints.http.problems.lookup import row_of


def problem_of(error: OrderServiceError, path: str, prefix: str = "") -> Problem:
    """Return the problem document for `error`.

    `path` is a reference to the requested path, made by `links`. `prefix` is the path prefix of
    such references.
    """
    row = row_of(error)
    problem = Problem(
        type=f"{prefix}/problems/{row.code}",
        title=row.title,
        status=row.status,
        detail=str(error) if error.args else f"{row.title}.",
        instance=path,
        code=row.code,
        error=row.oauth_error,
    )
    if isinstance(error, Invalid):
        problem.errors = [_fault(each) for each in error.errors]
    if isinstance(error, IllegalTransition):
        problem.current_status = error.current
        problem.next_statuses = list(error.allowed)
    return problem


def _fault(error: FieldError) -> ProblemFault:
    fault = ProblemFault(detail=error.detail, code=error.code)
    if isinstance(error, ParameterError):
        fault.parameter = str(error.path[0])
    elif isinstance(error, HeaderError):
        fault.header = str(error.path[0])
    else:
        fault.pointer = "".join(f"/{_escaped(step)}" for step in error.path)
    return fault


def _escaped(step: str | int) -> str:
    """Escape one step of a JSON pointer (RFC 6901, section 3)."""
    return str(step).replace("~", "~0").replace("/", "~1")
