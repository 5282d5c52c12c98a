"""A file system for a server's data that can become full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SIZE_BYTES: Final = 4 * 1024**3
#: Room that is left when the disk is filled, because its size may not be below its content.
_ROOM_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system in memory."""

    folder: Path

    def fill(self) -> None:
        """Shrink the disk to its content, so that writing more of it fails with ENOSPC."""
        while not self._resize(self._used_bytes() + _ROOM_BYTES):
            pass  # the content has just grown

    def free(self) -> None:
        """Give the disk its whole size again."""
        if not self._resize(_SIZE_BYTES):
            raise RuntimeError(f"{self.folder} can't be resized")

    def _used_bytes(self) -> int:
        disk = os.statvfs(self.folder)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize

    def _resize(self, size: int) -> bool:
        return _mount("-o", f"remount,size={size}", self.folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """Mount a disk on a folder. Yield None if this user isn't allowed to mount."""
    if not _mount("-t", "tmpfs", "-o", f"size={_SIZE_BYTES},mode=0700", "tmpfs", folder):
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def _mount(*words: str | Path) -> bool:
    try:
        return not subprocess.run(["mount", *words], check=False, capture_output=True).returncode
    except FileNotFoundError:
        return False
