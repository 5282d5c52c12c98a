"""Suggest the closest known name for an unknown name in a request."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

from domain.validation import ValidationErrors

#: Maximum suggestions per request, because finding a name takes 0.1 ms.
_MAX_SUGGESTIONS: Final = 20
_MAX_NAME_LENGTH: Final = 64


def no_such(kind: str, name: str, known: Collection[str], errors: ValidationErrors) -> str:
    """Return the detail of an error about an unknown name, with the closest known name.

    There are only suggestions for the first few of an input's `errors`.
    """
    start = f"There is no such {kind}"
    if not known:
        return f"{start}; none are supported here."
    if errors.count >= _MAX_SUGGESTIONS or len(name) > _MAX_NAME_LENGTH:
        return f"{start}."
    nearest = get_close_matches(name.lower(), known, n=1)
    if nearest:
        return f"{start}; did you mean `{nearest[0]}`?"
    return f"{start}. Known {kind}s: {', '.join(f'`{each}`' for each in known)}."
