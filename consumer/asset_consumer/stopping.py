"""Being told to stop before there is anything to stop."""

from __future__ import annotations


class Stopped(Exception):  # noqa: N818 # not an error: the operator's wish
    """Raised when a service was told to stop while it still waited for a database or a broker."""
