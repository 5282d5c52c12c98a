"""Names that a request uses and the service does not know, and the known names nearest to them."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

from domain.validation import ValidationErrors

#: Comparing names costs a tenth of a millisecond each: enough for a person, never for an attacker.
_MOST_SUGGESTIONS: Final = 20
_LONGEST_NAME: Final = 64


def no_such(kind: str, name: str, known: Collection[str], errors: ValidationErrors) -> str:
    """Say that there is no such `kind`, and what may have been meant.

    Only the first of an input's `faults` say the latter: to look for a near name takes time.
    """
    start = f"There is no such {kind}"
    if not known:
        return f"{start}; there is none here."
    if errors.count >= _MOST_SUGGESTIONS or len(name) > _LONGEST_NAME:
        return f"{start}."
    nearest = get_close_matches(name.lower(), known, n=1)
    if nearest:
        return f"{start}; did you mean `{nearest[0]}`?"
    return f"{start}; known are {', '.join(f'`{each}`' for each in known)}."
