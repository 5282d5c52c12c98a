"""Make the list of common passwords: `python -m tools.vendor_common_passwords DJANGO_WHEEL`.

The source is the list in Django's wheel, sorted by frequency. Passwords that registration refuses
anyway because of their length are left out.
"""

import gzip
import sys
import unicodedata
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from domain.account import MIN_PASSWORD

FOLDER: Final = Path(__file__).parents[1] / "adapters/security/common_passwords"
_LIST: Final = "django/contrib/auth/common-passwords.txt.gz"
#: A byte order mark that was decoded with the wrong encoding. No keyboard produces this.
_BROKEN: Final = "\u043f\u0457\u0455"


def main() -> None:
    """Write the list and its license."""
    with ZipFile(sys.argv[1]) as wheel:
        text = gzip.decompress(wheel.read(_LIST)).decode()
        licenses = [name for name in wheel.namelist() if name.endswith(".dist-info/LICENSE")]
        license_text = wheel.read(licenses[0])
    content = "\n".join(usable(text)).encode()
    (FOLDER / "passwords.txt.gz").write_bytes(gzip.compress(content, mtime=0))
    (FOLDER / "LICENSE").write_bytes(license_text)


def usable(text: str) -> list[str]:
    """Return the passwords that are long enough, in their normal form and without duplicates."""
    folded = (unicodedata.normalize("NFC", line).casefold() for line in text.splitlines())
    return [
        each for each in dict.fromkeys(folded) if len(each) >= MIN_PASSWORD and _BROKEN not in each
    ]


if __name__ == "__main__":
    main()
