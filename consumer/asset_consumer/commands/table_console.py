"""Where tables are printed: as wide as the terminal is, and whole where there is none."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDE = 1000
"""Columns where there is no terminal: whoever takes the lines on wants one for each row."""


def table_console() -> Console:
    """A console on stdout as it is now."""
    return Console(width=None if sys.stdout.isatty() else _WIDE)
