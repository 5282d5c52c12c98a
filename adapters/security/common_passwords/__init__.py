"""Look up common passwords in a packaged list (ASVS 5.0, 6.2.4).

`tools/vendor_common_passwords.py` makes the list from the one in Django 5.2, which is used under
the license in this folder.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Final

_LIST: Final = Path(__file__).with_name("passwords.txt.gz")


class PackagedCommonPasswords:
    """`CommonPasswords` from the packaged list, which is loaded when it is used first."""

    def contains(self, folded: str) -> bool:
        """Return whether a password in NFC and after case folding is common."""
        return folded in _passwords()


@cache
def _passwords() -> frozenset[str]:
    return frozenset(gzip.decompress(_LIST.read_bytes()).decode().split("\n"))
