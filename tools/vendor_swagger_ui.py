"""Fetch the pinned release of Swagger UI: `python -m tools.vendor_swagger_ui [VERSION]`.

`release.json` pins the version, the npm package's digest and the files' digests. Pass a VERSION to
change the pin, or leave it out to fetch the same files again. The package is downloaded with npm,
but its scripts are not run.
"""

import gzip
import json
import subprocess
import sys
import tarfile
from base64 import b64encode
from hashlib import sha256, sha512
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "entrypoints/http/responses/pages/swagger-ui"
RELEASE: Final = FOLDER / "release.json"
PACKAGE: Final = "swagger-ui-dist"
#: Stored as gzip because that's how they are sent.
COMPRESSED: Final = ("swagger-ui-bundle.js", "swagger-ui.css")
LICENSES: Final = ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")


def main() -> None:
    """Write the files. Exit with 1 if the package's digest doesn't match the pin."""
    pinned: dict[str, Any] = json.loads(RELEASE.read_text()) if RELEASE.exists() else {}
    version = sys.argv[1] if len(sys.argv) > 1 else pinned["version"]
    with TemporaryDirectory() as folder:
        package = _download(version, Path(folder))
        integrity = f"sha512-{b64encode(sha512(package.read_bytes()).digest()).decode()}"
        if version == pinned.get("version") and integrity != pinned["integrity"]:
            sys.exit(f"{PACKAGE} {version} has the digest {integrity}, not the pinned one")
        files = _files(package)
    FOLDER.mkdir(exist_ok=True)
    for name, content in files.items():
        if name in COMPRESSED:
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (FOLDER / name).write_bytes(content)
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    release = {"version": version, "integrity": integrity, "sha256": digests}
    RELEASE.write_text(f"{json.dumps(release, indent=2)}\n")


def _download(version: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{version}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - a pinned name
    return folder / f"{PACKAGE}-{version}.tgz"


def _files(package: Path) -> dict[str, bytes]:
    with tarfile.open(package) as archive:
        return {
            name: member.read()
            for name in (*COMPRESSED, *LICENSES)
            if (member := archive.extractfile(f"package/{name}"))
        }


if __name__ == "__main__":
    main()
