"""PostgreSQL's data directory (cluster): complete or missing, and of one major version."""

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

#: Trust every connection: the mode of the socket's folder admits one user.
_INITDB: Final = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)

#: The role of the service is no superuser, as in production.
_DATABASE: Final = "CREATE ROLE orders LOGIN;\nCREATE DATABASE orders OWNER orders;\n"


def ensure_cluster(layout: Layout, life: int) -> None:
    """Create the cluster and its database if they are missing; blocks for about a second.

    Args:
        layout: the paths, and the user of the server.
        life: the descriptor of the server's lock; every program on the cluster inherits it.

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
    """Create it beside the final name, then rename: a kill in between leaves no half cluster."""
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
    """Check that this version of PostgreSQL made `cluster`, if it exists; change nothing.

    Raises:
        EmbeddedPostgresError: another major version made it, or it is no cluster.
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
