"""Whether a file on disk has changed, without reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

Mark: TypeAlias = "tuple[int, ...] | None"
"""What a file looks like; None for one that is not there."""


def mark_of(path: Path) -> Mark:
    """What changes when the file does, also where a Secret's volume is exchanged below a symbolic link."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
