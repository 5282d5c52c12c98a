"""Create PostgreSQL's data directory (the cluster) atomically, and check its major version."""

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from libraries.embedded_postgres.errors import EmbeddedPostgresError, explained
from libraries.embedded_postgres.layout import Layout
from libraries.embedded_postgres.programs import MAJOR, fit_for_a_shell, programs_in
from libraries.embedded_postgres.subprocesses import run_or_refuse

_DRAFT: Final = "cluster-new-"

#: Connections are trusted because the socket folder's mode only lets one user in.
_INITDB: Final = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)

#: The service's role is not a superuser, just like in production.
_DATABASE: Final = "CREATE ROLE orders LOGIN;\nCREATE DATABASE orders OWNER orders;\n"


def ensure_cluster(layout: Layout, life: int) -> None:
    """Create the cluster and its database if they don't exist. Blocks for about a second.

    Args:
        layout: the paths, and the user that runs the server.
        life: a descriptor of the server's lock, inherited by all programs that use the cluster.

    Raises:
        EmbeddedPostgresError: the cluster cannot be created, or the disk is full.
    """
    if layout.cluster.exists():
        return
    for leftover in layout.home.glob(f"{_DRAFT}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with explained(f"create the database in {layout.home}"):
        _make(layout, life)


def _make(layout: Layout, life: int) -> None:
    """Create it under a temporary name, then rename it. A kill can't leave half a cluster."""
    draft = Path(mkdtemp(prefix=_DRAFT, dir=layout.home))
    try:
        if layout.user:
            os.chown(draft, layout.user.uid, layout.user.gid)
        _initialise(layout, draft, life)
        draft.rename(layout.cluster)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(layout.home)


def _initialise(layout: Layout, draft: Path, life: int) -> None:
    with fit_for_a_shell(layout.package) as package:
        initdb = programs_in(package) / "initdb"
        run_or_refuse(layout.user, initdb, "-D", draft, *_INITDB, inherited=[life])
    single = ("--single", "-D", draft, "-c", "exit_on_error=on", "postgres")
    postgres = layout.program("postgres")
    run_or_refuse(layout.user, postgres, *single, stdin=_DATABASE, inherited=[life])


def refuse_other_version(cluster: Path) -> None:
    """Check that `cluster` was created by this version of PostgreSQL, if it exists.

    Raises:
        EmbeddedPostgresError: it belongs to another major version, or it is not a cluster.
    """
    if not cluster.exists():
        return
    try:
        version = (cluster / "PG_VERSION").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EmbeddedPostgresError(
            f"{cluster} is no PostgreSQL data directory (it has no readable PG_VERSION): "
            "move it away, or set DATA_DIR to another folder."
        ) from error
    if version != str(MAJOR):
        raise EmbeddedPostgresError(
            f"{cluster} was made by PostgreSQL {version} and this is PostgreSQL {MAJOR}: "
            "dump it with the old version and load it here, or set DATA_DIR to another folder."
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
