"""Suggest the nearest known name for an unknown name in a request."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

from domain.validation import ValidationErrors

#: One comparison of names takes 0.1 ms, so their number per request is bounded.
_MAX_SUGGESTIONS: Final = 20
_MAX_NAME_LENGTH: Final = 64


def no_such(kind: str, name: str, known: Collection[str], errors: ValidationErrors) -> str:
    """Return the detail of an error: there is no such `kind`, with the nearest known name.

    There are suggestions for the first of an input's `errors` only.
    """
    start = f"There is no such {kind}"
    if not known:
        return f"{start}; there is none here."
    if errors.count >= _MAX_SUGGESTIONS or len(name) > _MAX_NAME_LENGTH:
        return f"{start}."
    nearest = get_close_matches(name.lower(), known, n=1)
    if nearest:
        return f"{start}; did you mean `{nearest[0]}`?"
    return f"{start}; known are {', '.join(f'`{each}`' for each in known)}."
