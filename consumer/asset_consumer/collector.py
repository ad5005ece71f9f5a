"""How Python's garbage collector is kept from work that finds nothing.

Importing Dagster makes 200,000 objects that stay to the end, and a batch makes tens of thousands that are gone with it
without the collector's help. Looked at as often as Python does by itself, they take a third of a start's computing, as
much again at the end of the process, and a third of a drain.
"""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Look after 50,000 new objects instead of 700; to be said before the imports that make most of them."""
    gc.set_threshold(50_000, 20, 20)


def leave_out_what_is_there() -> None:
    """Leave out of every later collection what has been made so far; Python's own at its end is one of them."""
    gc.freeze()
