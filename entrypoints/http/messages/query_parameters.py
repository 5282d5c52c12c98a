"""Check the names of query parameters: an unknown one is refused, so that no filter is ignored."""

from collections import Counter
from collections.abc import Collection, Iterable

from domain.errors import FieldError
from domain.validation import ValidationErrors
from entrypoints.http.errors import ParameterError
from entrypoints.http.messages.name_suggestions import no_such
from entrypoints.http.messages.request import ApiRequest


class QueryErrors(ValidationErrors):
    """Errors of values that are all parameters."""

    def extend(self, errors: Iterable[FieldError]) -> None:
        """Add errors that were found elsewhere in the same request."""
        super().extend(ParameterError(each.path, each.code, each.detail) for each in errors)


def check_query(
    request: ApiRequest, errors: ValidationErrors, known: Collection[str] = (), repeatable: str = ""
) -> None:
    """Add an error for each unknown parameter, and for each repeated one but `repeatable`."""
    if not request.scope["query_string"]:  # the usual case
        return
    names = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in names.items():
        if name not in known:
            detail = no_such("parameter", name, known, errors)
            errors.extend([ParameterError((name,), "unknown-parameter", detail)])
        elif times > 1 and name != repeatable:
            errors.extend([ParameterError((name,), "repeated-parameter", "Must be given once.")])


def refuse_query(request: ApiRequest) -> None:
    """Refuse every parameter.

    Raises:
        Invalid: the query has one.
    """
    if not request.scope["query_string"]:  # the usual case
        return
    errors = ValidationErrors()
    check_query(request, errors)
    errors.raise_if_any()
