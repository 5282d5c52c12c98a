"""The names in a query: unknown ones are refused, so that no filter is silently without effect."""

from collections import Counter
from collections.abc import Collection, Iterable

from domain.errors import FieldError
from domain.validation import ValidationErrors
from entrypoints.http.errors import ParameterError
from entrypoints.http.messages.name_suggestions import no_such
from entrypoints.http.messages.request import ApiRequest


class QueryErrors(ValidationErrors):
    """Faults of values that all come as parameters."""

    def extend(self, faults: Iterable[FieldError]) -> None:
        """Add faults that were found elsewhere in the same input."""
        super().extend(ParameterError(each.path, each.code, each.detail) for each in faults)


def check_query(
    request: ApiRequest, faults: ValidationErrors, known: Collection[str] = (), repeatable: str = ""
) -> None:
    """Add a fault for each unknown parameter, and for each but `repeatable` that is given twice."""
    if not request.scope["query_string"]:  # as nearly always
        return
    names = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in names.items():
        if name not in known:
            detail = no_such("parameter", name, known, faults)
            faults.extend([ParameterError((name,), "unknown-parameter", detail)])
        elif times > 1 and name != repeatable:
            faults.extend([ParameterError((name,), "repeated-parameter", "Must be given once.")])


def refuse_query(request: ApiRequest) -> None:
    """Refuse every parameter.

    Raises:
        Invalid: the query has any.
    """
    if not request.scope["query_string"]:  # as nearly always
        return
    faults = ValidationErrors()
    check_query(request, faults)
    faults.raise_if_any()
